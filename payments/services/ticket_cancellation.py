"""Cancel a ticket: the money goes back to the balance, the seat back on sale."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from accounts.models import Balance, BalanceHistory, User
from accounts.services.idempotency import IdempotentRequest
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.refund_policy import Basis, RefundPolicy, compensation
from payments.errors import CancellationClosed, NotTheBuyer
from payments.models import (
    CANCELLED,
    SCHEDULE_CANCELLED,
    Payment,
    Refund,
    Reservation,
    Ticket,
    save_change,
)
from payments.services.tickets import get_ticket


@dataclass(frozen=True)
class Quote:
    """The refund and the fee of cancelling now, in won; their sum is the price paid.

    ``compensation`` comes on top. ``basis`` is the rule behind the fee, which stays as it is until
    ``until`` (None: for good).
    """

    amount: int
    fee: int
    basis: Basis
    until: dt.datetime | None
    compensation: int = 0


def quote_refund(*, user: User, ticket_id: uuid.UUID) -> Quote:
    """Raises NotFound, NotTheBuyer, AlreadyCancelled, TicketUsed, CancellationClosed."""
    return quote_for(get_ticket(user=user, ticket_id=ticket_id))


def quote_for(ticket: Any) -> Quote:
    """The quote at the moment when get_ticket read the ticket. Raises as quote_refund."""
    return _quote(ticket, ticket.reservation.schedule, ticket.read_at)


def _quote(ticket: Ticket, schedule: ConcertSchedule, now: dt.datetime) -> Quote:
    """By the refund policy on the ticket, with the date for which it was sold."""
    if not ticket.is_the_buyers:
        raise NotTheBuyer(ticket=str(ticket.pk))
    ticket.require_issued()
    if schedule.cancelled_at is not None:
        return Quote(
            amount=ticket.price,
            fee=0,
            basis=Basis.SCHEDULE_CANCELLED,
            until=None,
            compensation=owed_compensation(schedule, ticket.price),
        )
    if now >= schedule.start_at:
        raise CancellationClosed
    fee = RefundPolicy.parse(ticket.refund_policy).fee(
        price=ticket.price,
        bought_at=ticket.created_at,
        sold_for=ticket.start_at,
        start_at=schedule.start_at,
        now=now,
    )
    return Quote(amount=ticket.price - fee.won, fee=fee.won, basis=fee.basis, until=fee.until)


def owed_compensation(schedule: ConcertSchedule, price: int) -> int:
    """Won above the price that a buyer gets for a ticket of this cancelled schedule."""
    is_at_fault = schedule.cancel_cause == ConcertSchedule.CancelCause.ORGANISER
    return compensation(price) if is_at_fault else 0


def cancel_ticket(
    *, user: User, ticket_id: uuid.UUID, once: IdempotentRequest | None = None
) -> Refund:
    """Cancel the user's ticket and refund it to the balance.

    In full, with what compensation is owed, and at any time if the schedule was cancelled and the
    sweep has not refunded it yet.
    Only its buyer cancels a ticket, and only while they have it: one that was handed on must not
    move money between accounts. Raises NotFound (also for another user's), NotTheBuyer,
    AlreadyCancelled, TicketUsed, CancellationClosed; with ``once`` also what its claim raises.
    """
    mine = Ticket.objects.filter(user=user, pk=ticket_id)
    seat_id = mine.values_list("seat", flat=True).first()
    if seat_id is None:
        raise NotFound
    with transaction.atomic(durable=True):
        if once:
            once.claim()
        seat = Seat.objects.select_for_update(no_key=True).get(pk=seat_id)
        reservation = Reservation.objects.select_for_update(of=("self",), no_key=True).get(
            ticket=ticket_id
        )
        ticket = mine.select_for_update(no_key=True).first()
        if ticket is None:  # handed on while we waited for the lock
            raise NotFound
        ticket.reservation = reservation
        payment = reservation.payments.get(status=Payment.Status.SUCCESS)
        balance = lock_balance(user_id=user.pk)
        # Read again: it may have been cancelled while we waited for the locks.
        schedule = ConcertSchedule.objects.get(pk=reservation.schedule_id)
        now = database_now()
        quote = _quote(ticket, schedule, now)
        reason = CANCELLED if schedule.cancelled_at is None else SCHEDULE_CANCELLED
        ticket.status = Ticket.Status.CANCELLED
        save_change(ticket, now=now, fields=["status"])
        reservation.status = Reservation.Status.CANCELLED
        reservation.save(update_fields=["status"])
        seat.release(available_from=schedule.after_cooldown(now))
        save_status(
            [seat], from_status=Seat.Status.RESERVED, changed_by=user, reason=reason, now=now
        )
        refund = _refund(payment, quote, balance, reason=reason, now=now)
        queue([new_message(kind="ticket_cancelled", user=user, data={"refund": str(refund.pk)})])
        if once:
            once.save(refund)
    return refund


def _refund(
    payment: Payment, quote: Quote, balance: Balance, *, reason: str, now: dt.datetime
) -> Refund:
    refund = Refund.objects.create(
        payment=payment,
        amount=quote.amount,
        fee=quote.fee,
        compensation=quote.compensation,
        compensation_source=compensation_source(quote.compensation),
        refunded_by_id=payment.user_id,
        reason=reason,
        created_at=now,
    )
    write_lines(entries=[(balance, entry) for entry in ledger_entries(refund)])
    return refund


def compensation_source(won: int) -> uuid.UUID | None:
    """The source of the ledger line of a new compensation."""
    return uuid.uuid4() if won else None


def ledger_entries(refund: Refund) -> Iterator[LedgerEntry]:
    """The ledger entries of a refund: what comes back, and the compensation.

    The ledger has no lines of 0 won: with a fee of 100 % no money moves.
    """
    types = BalanceHistory.Type
    entry = partial(LedgerEntry, at=refund.created_at, reason=refund.reason)
    if refund.amount:
        yield entry(type=types.CANCELLATION, amount=refund.amount, source=refund.pk)
    if refund.compensation_source:
        yield entry(
            type=types.COMPENSATION, amount=refund.compensation, source=refund.compensation_source
        )
