"""Cancel a whole schedule: nothing of it is sold any more, and every buyer is refunded in full.

The row is the message. All that an operator's request writes is that the schedule was cancelled;
what is left to do is read off its reservations that are still live. A sweep does it, one buyer in
one transaction: any number of workers may run it at once, and each may be killed at any statement.
"""

import datetime as dt
import logging
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Count, Q, QuerySet, Sum

from accounts.models import Balance, User
from accounts.services import lock_balance
from concertbook.clock import database_now
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, save_status
from payments.models import SCHEDULE_CANCELLED, Refund, Reservation, Ticket
from payments.services.cancellations import Quote, void_ticket

logger = logging.getLogger(__name__)

# One tick's work, about a second: beat's other ticks wait for the same workers.
BUYERS_AT_ONCE = 100


@dataclass(frozen=True)
class Progress:
    """Tickets and won refunded because the schedule was cancelled, and those still to come."""

    refunded: int
    won_refunded: int
    left: int
    won_left: int
    holds: int

    @property
    def tickets(self) -> int:
        return self.refunded + self.left

    @property
    def won(self) -> int:
        return self.won_refunded + self.won_left

    @property
    def is_done(self) -> bool:
        return self.left + self.holds == 0


def progress_of(*, schedule_id: uuid.UUID) -> Progress:
    """How far the refunds of a schedule are; before it is cancelled, what cancelling would do."""
    # By the seats, which have an index by schedule.
    live = Reservation.objects.live().filter(seat__schedule=schedule_id)
    sold = Q(status=Reservation.Status.CONFIRMED)
    refunds = Refund.objects.filter(
        reason=SCHEDULE_CANCELLED, payment__reservation__seat__schedule=schedule_id
    )
    return Progress(
        **refunds.aggregate(refunded=Count("pk"), won_refunded=Sum("amount", default=0)),
        **live.aggregate(
            left=Count("pk", filter=sold),
            won_left=Sum("price", filter=sold, default=0),
            holds=Count("pk", filter=~sold),
        ),
    )


def cancel_schedule(*, schedule_id: uuid.UUID, by: User, reason: str = "") -> bool:
    """Cancel the whole schedule, for good. From the commit on it sells nothing.

    ``reason`` is shown to its buyers. The refunds follow by the sweep, those of used tickets too:
    a show that breaks off is given back as well. False when it was cancelled before: by whom and
    why then stay as they are. Raises NotFound.
    """
    with transaction.atomic(durable=True):
        schedules = ConcertSchedule.objects.select_for_update(no_key=True)
        schedule = schedules.filter(pk=schedule_id).first()
        if schedule is None:
            raise NotFound
        if schedule.cancelled_at is not None:
            return False
        schedule.cancelled_at = database_now()
        schedule.cancelled_by = by
        schedule.cancel_reason = reason
        schedule.save(update_fields=["cancelled_at", "cancelled_by", "cancel_reason", "updated_at"])
    return True


def refund_cancelled_schedules() -> int:
    """Refund and let go what is left of cancelled schedules; returns how many seats were freed.

    A round of at most BUYERS_AT_ONCE people. A buyer whose records are damaged is logged and
    passed over, so that nobody waits behind them; the audit names them.
    """
    left = Reservation.objects.of_cancelled_schedules().order_by("schedule", "user")
    buyers = left.values_list("schedule", "user").distinct()[:BUYERS_AT_ONCE]
    freed = 0
    for schedule_id, user_id in list(buyers):
        try:
            freed += _end_all_of(schedule_id, user_id)
        except IntegrityError:
            logger.exception("Schedule %s: user %s is not refunded", schedule_id, user_id)
    return freed


def _end_all_of(schedule_id: uuid.UUID, user_id: uuid.UUID) -> int:
    """All that one person has of a cancelled schedule, or what nobody else is at just now."""
    live = Reservation.objects.of_cancelled_schedules().filter(schedule=schedule_id, user=user_id)
    with transaction.atomic(durable=True):
        seats = _lock_free_seats(live)
        if not seats:
            return 0
        locked = live.select_for_update(of=("self",), no_key=True).filter(seat__in=seats)
        reservations = list(locked.select_related("schedule__cancelled_by").order_by("pk"))
        sold = [each for each in reservations if each.status == Reservation.Status.CONFIRMED]
        held = [each for each in reservations if each.status == Reservation.Status.HOLD]
        tickets = _lock_tickets(sold)
        balance = lock_balance(user_id=user_id)
        now = database_now()
        for reservation in sold:
            _refund(tickets[reservation.pk], reservation, balance, now)
        for reservation in held:
            reservation.status = Reservation.Status.CANCELLED
            reservation.save(update_fields=["status"])
        _release(seats, sold, Seat.Status.RESERVED, now)
        _release(seats, held, Seat.Status.HELD, now)
    return len(reservations)


def _lock_free_seats(live: QuerySet[Reservation]) -> list[Seat]:
    # What another sweep or the buyer has locked is theirs, or waits for the next round.
    free = Seat.objects.select_for_update(skip_locked=True, no_key=True)
    return list(free.filter(pk__in=live.values("seat")).order_by("pk"))


def _lock_tickets(sold: Sequence[Reservation]) -> dict[uuid.UUID, Ticket]:
    tickets = Ticket.objects.select_for_update(no_key=True).filter(reservation__in=sold)
    return {ticket.reservation_id: ticket for ticket in tickets.order_by("pk")}


def _refund(ticket: Ticket, reservation: Reservation, balance: Balance, now: dt.datetime) -> None:
    void_ticket(
        ticket,
        reservation,
        quote=Quote(amount=ticket.price, fee=0),
        balance=balance,
        by=_who_cancelled(reservation),
        reason=SCHEDULE_CANCELLED,
        now=now,
    )


def _release(
    seats: Sequence[Seat], ended: Sequence[Reservation], was: Seat.Status, now: dt.datetime
) -> None:
    """Nobody has these seats any more; nor are they offered, as their schedule is cancelled."""
    of_ended = {reservation.seat_id for reservation in ended}
    freed = [seat for seat in seats if seat.pk in of_ended]
    if not freed:
        return
    for seat in freed:
        seat.release()
    save_status(
        freed,
        from_status=was,
        changed_by=_who_cancelled(ended[0]),
        reason=SCHEDULE_CANCELLED,
        now=now,
    )


def _who_cancelled(reservation: Reservation) -> User:
    by = reservation.schedule.cancelled_by
    assert by is not None, "a constraint names somebody for every cancelled schedule"
    return by
