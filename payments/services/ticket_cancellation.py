"""Cancel a ticket, by its buyer or by the staff: the money goes back to the balance, the seat back
on sale."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Balance, BalanceHistory, User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.refund_policy import Basis, RefundPolicy, compensation
from payments.errors import CancellationClosed, NotTheBuyer, StaleTicket
from payments.models import (
    CANCELLED,
    CANCELLED_BY_STAFF,
    FEE_WAIVED,
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
    ``until`` (None: for good); without a basis the staff waive the fee.
    """

    amount: int
    fee: int
    basis: Basis | None
    until: dt.datetime | None
    compensation: int = 0


def quote_refund(*, user: User, ticket_id: uuid.UUID) -> Quote:
    """Raises NotFound, NotTheBuyer, AlreadyCancelled, TicketUsed, CancellationClosed."""
    return quote_for(get_ticket(user=user, ticket_id=ticket_id))


def quote_for(ticket: Any) -> Quote:
    """The quote at the moment when get_ticket read the ticket. Raises as quote_refund."""
    return _quote(ticket, ticket.reservation.schedule, ticket.read_at)


def quote_by_staff(*, ticket_id: uuid.UUID, in_full: bool) -> Quote:
    """What refund_by_staff would pay now. Raises as it does."""
    ticket = Ticket.objects.select_related("reservation__schedule").filter(pk=ticket_id).first()
    if ticket is None:
        raise NotFound
    return _quote(ticket, ticket.reservation.schedule, database_now(), in_full=in_full)


def _quote(
    ticket: Ticket, schedule: ConcertSchedule, now: dt.datetime, *, in_full: bool = False
) -> Quote:
    """By the refund policy on the ticket, with the date for which it was sold; ``in_full`` without
    a fee, and also once the show has begun."""
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
    if in_full:
        return Quote(amount=ticket.price, fee=0, basis=None, until=None)
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
    AlreadyCancelled, TicketUsed, CancellationClosed, StaleTicket; with ``once`` also what its claim
    raises.
    """
    mine = Ticket.objects.filter(user=user, pk=ticket_id)
    with transaction.atomic(durable=True):
        if once:
            once.claim()
        refund = _cancel(mine, by=user, reason=CANCELLED)
        if once:
            once.save(refund)
    return refund


def refund_by_staff(*, actor: User, ticket_id: uuid.UUID, in_full: bool, reason: str) -> Refund:
    """Cancel a ticket for its buyer, and log it: with the fee of its policy, or ``in_full``, then
    also after the show has begun.

    The money goes to the buyer's balance, so a ticket that was handed on is refused, as is a used
    one: undo its check-in first. Sent twice it refunds once. Raises NotFound, NotTheBuyer,
    AlreadyCancelled, TicketUsed; CancellationClosed unless ``in_full``.
    """
    with transaction.atomic(durable=True):
        why = FEE_WAIVED if in_full else CANCELLED_BY_STAFF
        refund = _cancel(Ticket.objects.filter(pk=ticket_id), by=actor, reason=why)
        activity.record(
            actor=actor,
            act="ticket.refund_in_full" if in_full else "ticket.refund",
            target=refund.payment.reservation.ticket,
            new={"amount": refund.amount, "fee": refund.fee},
            reason=reason,
        )
    return refund


def _cancel(tickets: QuerySet[Ticket], *, by: User, reason: str) -> Refund:
    """Cancel the one ticket among these, in the caller's transaction."""
    found = tickets.values_list("pk", "seat").first()
    if found is None:
        raise NotFound
    ticket_id, seat_id = found
    seat = Seat.objects.select_for_update(no_key=True).get(pk=seat_id)
    reservation = Reservation.objects.select_for_update(of=("self",), no_key=True).get(
        ticket=ticket_id
    )
    ticket = tickets.select_for_update(no_key=True).first()
    if ticket is None:  # handed on while we waited for the lock
        raise NotFound
    if ticket.seat_id != seat_id:  # moved to another seat meanwhile
        raise StaleTicket
    ticket.reservation = reservation
    payment = reservation.payments.select_related("user").get(status=Payment.Status.SUCCESS)
    payment.reservation = reservation
    balance = lock_balance(user_id=payment.user_id)
    # Read again: it may have been cancelled while we waited for the locks.
    schedule = ConcertSchedule.objects.get(pk=reservation.schedule_id)
    now = database_now()
    quote = _quote(ticket, schedule, now, in_full=reason == FEE_WAIVED)
    reason = reason if schedule.cancelled_at is None else SCHEDULE_CANCELLED
    ticket.status = Ticket.Status.CANCELLED
    save_change(ticket, now=now, fields=["status"])
    reservation.status = Reservation.Status.CANCELLED
    reservation.save(update_fields=["status"])
    seat.release(available_from=schedule.after_cooldown(now))
    save_status([seat], from_status=Seat.Status.RESERVED, changed_by=by, reason=reason, now=now)
    refund = _refund(payment, quote, balance, by=by, reason=reason, now=now)
    told = {"refund": str(refund.pk)}
    queue([new_message(kind="ticket_cancelled", user=payment.user, data=told)])
    return refund


def _refund(
    payment: Payment, quote: Quote, balance: Balance, *, by: User, reason: str, now: dt.datetime
) -> Refund:
    refund = Refund.objects.create(
        payment=payment,
        amount=quote.amount,
        fee=quote.fee,
        compensation=quote.compensation,
        compensation_source=compensation_source(quote.compensation),
        refunded_by=by,
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
