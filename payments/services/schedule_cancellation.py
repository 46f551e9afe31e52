"""Cancel a schedule: it sells nothing more, and every buyer is refunded in full.

If it was the organiser's fault, each refund has a compensation above the price
(concerts/refund_policy.py).

The row is the message. The operator's request only writes that the schedule was cancelled; the
remaining work is read from its live reservations. A sweep does it, some buyers in one transaction:
any number of workers may run it at the same time, and each may be killed at any statement.
"""

import datetime as dt
import logging
import random
import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from django.db import IntegrityError, transaction
from django.db.models import Count, F, Q, QuerySet, Sum

from accounts.models import Balance, User
from accounts.services import activity
from accounts.services.ledger import lock_balances, write_lines
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.refund_policy import compensation
from payments.models import SCHEDULE_CANCELLED, Payment, Refund, Reservation, Ticket
from payments.services.ticket_cancellation import (
    compensation_source,
    ledger_entries,
    owed_compensation,
)

logger = logging.getLogger(__name__)

# Buyers in one transaction: their balances are locked meanwhile, for a tenth of a second.
BUYERS_AT_ONCE = 100
BATCHES_AT_ONCE = 5
REFUNDED = "schedule.refunded"
# Damaged records may keep a schedule unfinished for days.
NOTED_WITHIN = dt.timedelta(days=30)


@dataclass(frozen=True)
class Progress:
    """Tickets and won refunded because the schedule was cancelled, and those still to come.

    Compensations come on top of the won refunded. Before the schedule is cancelled,
    ``compensation_left`` is what they would be by the organiser's fault.
    """

    refunded: int
    won_refunded: int
    won_compensated: int
    left: int
    won_left: int
    compensation_left: int
    holds: int

    @property
    def tickets(self) -> int:
        return self.refunded + self.left

    @property
    def won(self) -> int:
        return self.won_refunded + self.won_left

    @property
    def compensation(self) -> int:
        return self.won_compensated + self.compensation_left

    @property
    def is_done(self) -> bool:
        return self.left + self.holds == 0


def progress_of(*, schedule_id: uuid.UUID) -> Progress:
    """The progress of a schedule's refunds; before it is cancelled, the refunds that would
    follow."""
    # Joined through the seats, which have an index by schedule.
    live = Reservation.objects.live().filter(seat__schedule=schedule_id)
    sold = Q(status=Reservation.Status.CONFIRMED)
    refunds = Refund.objects.filter(
        reason=SCHEDULE_CANCELLED, payment__reservation__seat__schedule=schedule_id
    )
    compensated = ConcertSchedule.objects.filter(
        Q(cancelled_at=None) | Q(cancel_cause=ConcertSchedule.CancelCause.ORGANISER), pk=schedule_id
    ).exists()
    return Progress(
        **refunds.aggregate(
            refunded=Count("pk"),
            won_refunded=Sum("amount", default=0),
            won_compensated=Sum("compensation", default=0),
        ),
        **live.aggregate(
            left=Count("pk", filter=sold),
            won_left=Sum("price", filter=sold, default=0),
            holds=Count("pk", filter=~sold),
        ),
        compensation_left=_compensations(live.filter(sold)) if compensated else 0,
    )


def _compensations(sold: QuerySet[Reservation]) -> int:
    by_price = sold.order_by().values_list("price").annotate(seats=Count("pk"))
    return sum(compensation(price) * seats for price, seats in by_price)


def cancel_schedule(
    *,
    schedule_id: uuid.UUID,
    by: User,
    reason: str = "",
    cause: ConcertSchedule.CancelCause = ConcertSchedule.CancelCause.FORCE_MAJEURE,
) -> bool:
    """Cancel the schedule permanently. From the commit on it sells nothing.

    ``reason`` is shown to its buyers. ``cause`` decides whether they are compensated above the
    price. The sweep refunds all tickets, used ones too, as the show may have been broken off.
    Returns False, and changes nothing, when it was cancelled before. Raises NotFound.
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
        schedule.cancel_cause = cause
        cancellation = ("cancelled_at", "cancelled_by", "cancel_reason", "cancel_cause")
        schedule.save(update_fields=[*cancellation, "updated_at"])
        activity.record(
            actor=by,
            act="schedule.cancel",
            target=schedule,
            new={"cancel_cause": cause},
            reason=reason,
        )
    return True


def refund_cancelled_schedules() -> int:
    """Refund and release the live reservations of cancelled schedules; returns how many seats.

    A few batches, about a second's work, as beat's other ticks wait for the same workers.
    """
    left = Reservation.objects.of_cancelled_schedules()
    schedules = ConcertSchedule.objects.filter(pk__in=left.values("schedule"))
    freed = 0
    for schedule in schedules.select_related("cancelled_by"):
        for users in _draw_buyers(schedule):
            freed += _end_some_of(schedule, users)
    _note_ends()
    return freed


def _draw_buyers(schedule: ConcertSchedule) -> list[list[uuid.UUID]]:
    """Batches of buyers who have live reservations of the schedule, drawn at random.

    In the same order every round would try the same ones; if their records are damaged, it would
    never reach the others.
    """
    left = Reservation.objects.live().filter(schedule=schedule).order_by()
    users = list(left.values_list("user", flat=True).distinct())
    drawn = random.sample(users, min(len(users), BUYERS_AT_ONCE * BATCHES_AT_ONCE))
    return [drawn[at : at + BUYERS_AT_ONCE] for at in range(0, len(drawn), BUYERS_AT_ONCE)]


def _note_ends() -> None:
    """Write into the log, once for each cancelled schedule, that all its buyers are refunded.

    Read from the rows as well: the sweep that made the last refund may have been killed before it
    could write this.
    """
    cancelled = ConcertSchedule.objects.filter(cancelled_at__gt=database_now() - NOTED_WITHIN)
    for schedule in cancelled:
        if not _is_noted(schedule):
            _note_end(schedule)


def _is_noted(schedule: ConcertSchedule) -> bool:
    return activity.entries_of(schedule).filter(act=REFUNDED).exists()


def _note_end(schedule: ConcertSchedule) -> None:
    with transaction.atomic(durable=True):
        # Of two sweeps that end at the same moment the second one finds the entry of the first.
        ConcertSchedule.objects.select_for_update(no_key=True).get(pk=schedule.pk)
        left = Reservation.objects.live().filter(schedule=schedule)
        if left.exists() or _is_noted(schedule):
            return
        refunds = Refund.objects.filter(
            payment__reservation__schedule=schedule, reason=SCHEDULE_CANCELLED
        )
        sums = refunds.aggregate(
            refunds=Count("pk"),
            amount=Sum("amount", default=0),
            compensation=Sum("compensation", default=0),
        )
        activity.record(actor=None, act=REFUNDED, target=schedule, new=sums)


def _end_some_of(schedule: ConcertSchedule, users: Sequence[uuid.UUID]) -> int:
    """As _end_all_of, except for buyers whose records are damaged: the audit reports those."""
    try:
        return _end_all_of(schedule, users)
    except IntegrityError:
        if len(users) > 1:
            return sum(_end_some_of(schedule, [user]) for user in users)
        logger.exception("Schedule %s: user %s is not refunded", schedule.pk, users[0])
        return 0


def _end_all_of(schedule: ConcertSchedule, users: Sequence[uuid.UUID]) -> int:
    """All live reservations of these buyers in a cancelled schedule, except locked ones."""
    theirs = Reservation.objects.filter(schedule=schedule, user__in=users)
    with transaction.atomic(durable=True):
        seats = _lock_free_seats(theirs.live())
        live = theirs.filter(seat__in=seats, status__in=["HOLD", "CONFIRMED"])
        locked = live.select_for_update(no_key=True).order_by("pk")
        reservations = list(locked)
        sold = [each for each in reservations if each.status == Reservation.Status.CONFIRMED]
        held = [each for each in reservations if each.status == Reservation.Status.HOLD]
        tickets = Ticket.objects.filter(reservation__in=sold)
        locked_tickets = list(tickets.select_for_update(no_key=True).order_by("pk"))
        balances = lock_balances(user_ids={each.user_id for each in sold})
        now = database_now()
        tickets.update(status=Ticket.Status.CANCELLED, version=F("version") + 1, updated_at=now)
        locked.order_by().update(status=Reservation.Status.CANCELLED)
        _refund(schedule, sold, balances, now)
        _tell_buyers(schedule, balances.keys())
        _tell_receivers(locked_tickets, sold)
        _release(schedule, seats, sold, Seat.Status.RESERVED, now)
        _release(schedule, seats, held, Seat.Status.HELD, now)
    return len(reservations)


def _lock_free_seats(live: QuerySet[Reservation]) -> list[Seat]:
    # Rows locked by another sweep or the buyer are left to them, or to the next round. The keys are
    # read first: joined without statistics, the plan reads the hall once for each.
    theirs = list(live.values_list("seat", flat=True))
    free = Seat.objects.select_for_update(skip_locked=True, no_key=True)
    return list(free.filter(pk__in=theirs).order_by("pk"))


def _refund(
    schedule: ConcertSchedule,
    sold: Sequence[Reservation],
    balances: Mapping[uuid.UUID, Balance],
    now: dt.datetime,
) -> None:
    """Refund in full to the balances, whose locks the caller holds.

    A buyer's refunds are written in the order of the purchases: by time, and within one checkout
    by seat number, as its payments were (carts._by_request).
    """
    payments = Payment.objects.filter(reservation__in=sold, status=Payment.Status.SUCCESS)
    payments = payments.order_by("paid_at", "reservation__seat__number")
    refunds = Refund.objects.bulk_create(
        _full_refund(schedule, payment, now) for payment in payments
    )
    if len(refunds) != len(sold):
        raise IntegrityError("a sold seat without its one payment")
    write_lines(
        entries=[
            (balances[refund.payment.user_id], entry)
            for refund in refunds
            for entry in ledger_entries(refund)
        ]
    )


def _full_refund(schedule: ConcertSchedule, payment: Payment, now: dt.datetime) -> Refund:
    owed = owed_compensation(schedule, payment.amount)
    return Refund(
        payment=payment,
        amount=payment.amount,
        fee=0,
        compensation=owed,
        compensation_source=compensation_source(owed),
        refunded_by=_who_cancelled(schedule),
        reason=SCHEDULE_CANCELLED,
        created_at=now,
    )


def _tell_receivers(tickets: Sequence[Ticket], sold: Sequence[Reservation]) -> None:
    """Tell the holders of tickets that were handed on; their buyers are refunded."""
    buyers = {reservation.pk: reservation.user_id for reservation in sold}
    received = [ticket for ticket in tickets if ticket.user_id != buyers[ticket.reservation_id]]
    if not received:
        return
    holders = User.objects.in_bulk([ticket.user_id for ticket in received])
    queue(
        new_message(
            kind="received_ticket_cancelled",
            user=holders[ticket.user_id],
            data={"ticket": str(ticket.pk)},
        )
        for ticket in received
    )


def _tell_buyers(schedule: ConcertSchedule, user_ids: Collection[uuid.UUID]) -> None:
    users = User.objects.filter(pk__in=user_ids).order_by("pk")
    data = {"schedule": str(schedule.pk)}
    queue(new_message(kind="show_cancelled", user=user, data=data) for user in users)


def _release(
    schedule: ConcertSchedule,
    seats: Sequence[Seat],
    ended: Sequence[Reservation],
    was: Seat.Status,
    now: dt.datetime,
) -> None:
    """Free these seats; they are not offered again, as their schedule is cancelled."""
    of_ended = {reservation.seat_id for reservation in ended}
    freed = [seat for seat in seats if seat.pk in of_ended]
    for seat in freed:
        seat.release()
    if freed:
        by = _who_cancelled(schedule)
        save_status(freed, from_status=was, changed_by=by, reason=SCHEDULE_CANCELLED, now=now)


def _who_cancelled(schedule: ConcertSchedule) -> User:
    assert schedule.cancelled_by is not None, "a constraint requires the operator"
    return schedule.cancelled_by
