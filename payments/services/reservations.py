"""A user's reservations, for pages and apps."""

import uuid

from accounts.models import User
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


def allowance(*, user: User, schedule: ConcertSchedule) -> int:
    """How many more seats of the schedule the user may hold now."""
    mine = Reservation.objects.filter(user=user, schedule=schedule)
    live = mine.filter(status__in=["HOLD", "CONFIRMED"])
    return max(0, schedule.purchase_limit - live.count())


def get_reservation(*, user: User, reservation_id: uuid.UUID) -> Reservation:
    """Raises NotFound, also for another user's."""
    reservation = my_reservations(user=user).filter(pk=reservation_id).first()
    if reservation is None:
        raise NotFound
    return reservation
