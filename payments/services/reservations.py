"""A user's reservations, for pages and apps."""

import uuid
from dataclasses import dataclass

from django.db.models import BooleanField, ExpressionWrapper, Q

from accounts.models import User
from concertbook.db.clock import StatementTime
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule
from payments.models import Reservation, ReservationQuerySet
from payments.services.releases import release_expired_holds


def my_reservations(*, user: User) -> ReservationQuerySet:
    """The user's reservations, newest first; overdue holds are ended before."""
    release_expired_holds(user=user)
    return Reservation.objects.filter(user=user).select_related("seat", "schedule__concert")


def my_holds(*, user: User) -> list[Reservation]:
    """The user's unpaid holds, ordered by their end."""
    holds = my_reservations(user=user).filter(status="HOLD")
    return list(holds.order_by("expires_at", "schedule", "seat__number"))


@dataclass(frozen=True)
class Basket:
    """How many seats a user holds, in all schedules, and may still hold in one."""

    held: int
    allowance: int


def basket(*, user: User, schedule: ConcertSchedule) -> Basket:
    """One statement, unless holds are overdue: they are ended."""
    found = _live(user, schedule)
    if any(is_overdue for *_reservation, is_overdue in found):
        release_expired_holds(user=user)
        found = _live(user, schedule)
    here = sum(schedule_id == schedule.pk for _status, schedule_id, _is_overdue in found)
    return Basket(
        held=sum(status == Reservation.Status.HOLD for status, *_rest in found),
        allowance=max(0, schedule.purchase_limit - here),
    )


def _live(user: User, schedule: ConcertSchedule) -> list[tuple[str, uuid.UUID, bool]]:
    """Status, schedule, and whether it is overdue: all holds, and what is paid of the schedule."""
    holds = Q(status="HOLD")
    overdue = holds & Q(expires_at__lte=StatementTime())
    live = Reservation.objects.filter(holds | Q(status="CONFIRMED", schedule=schedule), user=user)
    return list(live.values_list("status", "schedule", ExpressionWrapper(overdue, BooleanField())))


def get_reservation(*, user: User, reservation_id: uuid.UUID) -> Reservation:
    """Raises NotFound, also for another user's."""
    reservation = my_reservations(user=user).filter(pk=reservation_id).first()
    if reservation is None:
        raise NotFound
    return reservation
