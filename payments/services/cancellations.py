"""Cancel a ticket: the money goes back to the balance, the seat back on sale."""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.db import transaction

from accounts.idempotency import Once
from accounts.models import Balance, BalanceHistory, User
from accounts.services import Movement, lock_balance, write_lines
from concertbook.clock import database_now
from concertbook.errors import NotFound
from concerts.models import Seat, save_status
from concerts.refund_policy import RefundPolicy
from payments.errors import CancellationClosed
from payments.models import Payment, Refund, Reservation, Ticket, save_change


@dataclass(frozen=True)
class Quote:
    """What cancelling now would give back and cost, in won; together the price paid."""

    amount: int
    fee: int


def quote_refund(*, user: User, ticket_id: uuid.UUID) -> Quote:
    """Raises NotFound, AlreadyCancelled, TicketUsed, CancellationClosed."""
    ticket = Ticket.objects.filter(user=user, pk=ticket_id).first()
    if ticket is None:
        raise NotFound
    return _quote(ticket, database_now())


def _quote(ticket: Ticket, now: dt.datetime) -> Quote:
    ticket.require_issued()
    if now >= ticket.start_at:
        raise CancellationClosed
    fee = RefundPolicy.parse(ticket.refund_policy).fee(
        price=ticket.price, bought_at=ticket.created_at, start_at=ticket.start_at, now=now
    )
    return Quote(amount=ticket.price - fee, fee=fee)


def cancel_ticket(*, user: User, ticket_id: uuid.UUID, once: Once | None = None) -> Refund:
    """Cancel the user's ticket and refund it to the balance.

    Raises NotFound (also for anybody else's), AlreadyCancelled, TicketUsed, CancellationClosed;
    with ``once`` also what its claim raises.
    """
    mine = Ticket.objects.filter(user=user, pk=ticket_id)
    seat_id = mine.values_list("seat", flat=True).first()
    if seat_id is None:
        raise NotFound
    with transaction.atomic(durable=True):
        if once:
            once.claim()
        seats = Seat.objects.select_for_update(of=("self",), no_key=True)
        seat = seats.select_related("schedule").get(pk=seat_id)
        reservation = Reservation.objects.select_for_update(of=("self",), no_key=True).get(
            ticket=ticket_id
        )
        ticket = mine.select_for_update(no_key=True).get()
        payment = reservation.payments.get(status=Payment.Status.SUCCESS)
        balance = lock_balance(user_id=user.pk)
        now = database_now()
        quote = _quote(ticket, now)
        ticket.status = Ticket.Status.CANCELLED
        save_change(ticket, now=now, fields=["status"])
        reservation.status = Reservation.Status.CANCELLED
        reservation.save(update_fields=["status"])
        seat.release(available_from=seat.schedule.after_rest(now))
        save_status(
            [seat], from_status=Seat.Status.RESERVED, changed_by=user, reason="cancelled", now=now
        )
        refund = Refund.objects.create(
            payment=payment,
            amount=quote.amount,
            fee=quote.fee,
            refunded_by=user,
            reason="cancelled",
            created_at=now,
        )
        _give_back(refund, balance)
        if once:
            once.save(refund)
    return refund


def _give_back(refund: Refund, balance: Balance) -> None:
    # A fee of 100 % moves no money, and the ledger has no empty lines.
    if refund.amount:
        movement = Movement(
            type=BalanceHistory.Type.CANCELLATION, amount=refund.amount, source=refund.pk
        )
        write_lines(balance=balance, movements=[movement])
