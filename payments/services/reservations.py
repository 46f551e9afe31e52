"""A user's reservations, for pages and apps."""

import datetime as dt
import uuid
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import QuerySet

from accounts.models import User
from concertbook.db.clock import StatementTime
from concertbook.db.prepared import Param, Prepared
from concertbook.errors import NotFound
from payments.models import Reservation, ReservationQuerySet
from payments.services.releases import release_expired_holds

# What lists and the checkout show of a concert.
CONCERT = (
    *("title", "title_en", "venue", "venue_en", "colour"),
    *("refund_policy", "refund_policy_reason", "refund_policy_reason_en"),
)
MOST_IN_A_PURCHASE = 50
# For so long the checkout tells how the last purchase ended.
REMEMBERED = dt.timedelta(hours=1)


def my_reservations(*, user: User) -> ReservationQuerySet:
    """The user's reservations, newest first; overdue holds are ended before."""
    release_expired_holds(user=user)
    return Reservation.objects.filter(user=user).select_related("seat", "schedule__concert")


def newest_reservations(*, user: User, most: int) -> list[Reservation]:
    """The first so many of my_reservations, with what a list shows of them."""
    return _read(_newest(most), user)


@cache
def _newest(most: int) -> Prepared[Any]:
    return Prepared(lambda: _shown()[:most])


def my_holds(*, user: User) -> list[Any]:
    """The user's unpaid holds, ordered by their end, with what a list shows of them.

    Each has the database's clock as ``read_at``.
    """
    return _read(HOLDS, user)


def _read(mine: Prepared[Any], user: User, **params: Any) -> list[Any]:
    """One statement, unless overdue holds are found: they are ended before."""
    found = mine.fetch(user=user.pk, **params)
    if any(each.is_overdue(each.read_at) for each in found):
        release_expired_holds(user=user)
        found = mine.fetch(user=user.pk, **params)
    return found


def _shown() -> QuerySet[Any]:
    mine = Reservation.objects.filter(user=Param("user")).annotate(read_at=StatementTime())
    return mine.select_related("seat", "schedule__concert").only(
        *("schedule", "status", "price", "created_at", "expires_at", "confirmed_at"),
        *("seat__number", "seat__label", "seat__grade", "seat__kind"),
        *("schedule__start_at", "schedule__cancelled_at"),
        *(f"schedule__concert__{name}" for name in CONCERT),
    )


def _holds() -> QuerySet[Any]:
    return _shown().filter(status="HOLD").order_by("expires_at", "schedule_id", "seat__number")


HOLDS: Prepared[Any] = Prepared(_holds)


@dataclass(frozen=True)
class LastPurchase:
    """The seats that a user held last, which are held no more, and how that ended.

    ``ended`` is CONFIRMED (paid), EXPIRED, or CANCELLED (released without having been paid).
    """

    ended: str
    seats: list[Any]

    @property
    def first(self) -> Any:
        return self.seats[0]


def last_purchase(*, user: User) -> LastPurchase | None:
    """How the last purchase ended; None if that is long ago. For a user without holds.

    One statement.
    """
    newest: list[Any] = _read(_newest(MOST_IN_A_PURCHASE), user)
    if not newest or _ended_at(newest[0]) < newest[0].read_at - REMEMBERED:
        return None
    last = newest[0]
    if last.status == Reservation.Status.CANCELLED and last.confirmed_at:
        # A ticket that was cancelled later.
        return None
    seats = [
        each
        for each in newest
        if (each.schedule_id, each.created_at, each.status)
        == (last.schedule_id, last.created_at, last.status)
    ]
    return LastPurchase(last.status, sorted(seats, key=lambda each: each.seat.number))


def _ended_at(reservation: Any) -> dt.datetime:
    """When it was paid or ran out; for a released one, when it would have."""
    ended_at: dt.datetime = reservation.confirmed_at or reservation.expires_at
    return ended_at


def get_reservation(*, user: User, reservation_id: uuid.UUID) -> Reservation:
    """Raises NotFound, also for another user's."""
    reservation = my_reservations(user=user).filter(pk=reservation_id).first()
    if reservation is None:
        raise NotFound
    return reservation
