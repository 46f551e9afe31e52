"""Orders: what a user paid for at one time."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Subquery
from django.utils import timezone

from accounts.models import User
from concertbook.db.prepared import Param, Prepared
from concertbook.errors import NotFound
from payments.models import Payment, Ticket


@dataclass(frozen=True)
class PaidOrder:
    """The payments of one checkout, in the order of performances and seats.

    Each has ``is_kept``, whether its ticket is still the buyer's, and ``is_first_kept``, whether it
    is the first such of its performance.
    """

    payments: list[Any]

    def __post_init__(self) -> None:
        seen: set[uuid.UUID] = set()
        for payment in self.payments:
            payment.is_kept = payment.reservation.ticket.user_id == payment.user_id
            payment.is_first_kept = payment.is_kept and payment.reservation.schedule_id not in seen
            if payment.is_kept:
                seen.add(payment.reservation.schedule_id)

    @property
    def paid_at(self) -> dt.datetime:
        paid_at: dt.datetime = self.payments[0].paid_at
        return paid_at

    @property
    def total(self) -> int:
        """Won."""
        return sum(payment.amount for payment in self.payments)

    @property
    def first_held(self) -> Any:
        """The first payment whose ticket the buyer still holds, good or used; None without any."""
        held = (
            payment
            for payment in self.payments
            if payment.reservation.ticket.status != Ticket.Status.CANCELLED
            and payment.reservation.ticket.user_id == payment.user_id
        )
        return next(held, None)

    @property
    def number(self) -> str:
        return order_number(user_id=self.payments[0].user_id, paid_at=self.paid_at)


def order_number(*, user_id: uuid.UUID, paid_at: dt.datetime) -> str:
    """A number to name an order by: 261130-203015-9F3A2C, the second of the payment in Seoul, by
    which the staff find it in the list of payments, and the beginning of the buyer's key."""
    moment = paid_at.astimezone(timezone.get_default_timezone())
    return f"{moment:%y%m%d-%H%M%S}-{user_id.hex[:6].upper()}"


def get_order(*, user: User, reservation_id: uuid.UUID) -> PaidOrder:
    """The order in which the user paid for this reservation. One statement.

    Raises NotFound, also for another user's, and for a reservation that was never paid.
    """
    found = PAYMENTS.fetch(user=user.pk, reservation=reservation_id)
    if not found:
        raise NotFound
    return PaidOrder(found)


def _payments() -> QuerySet[Any]:
    """All payments of one checkout have the same time, and a user has one checkout at a time."""
    paid = Payment.objects.filter(user=Param("user"), status=Payment.Status.SUCCESS).order_by()
    paid_at = paid.filter(reservation=Param("reservation")).values("paid_at")
    together = paid.filter(paid_at=Subquery(paid_at)).select_related(
        *("refund", "reservation__ticket", "reservation__seat"),
        "reservation__schedule__concert",
    )
    return together.order_by("reservation__schedule__start_at", "reservation__seat__number")


PAYMENTS: Prepared[Any] = Prepared(_payments)
