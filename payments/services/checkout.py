"""Pay for held seats from the balance: all of them or none."""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import F

from accounts.errors import InsufficientBalance
from accounts.models import BalanceHistory, User
from accounts.services.idempotency import AnsweredBefore, IdempotentRequest, claim_keys, new_answers
from accounts.services.ledger import LedgerEntry, new_lines
from accounts.services.outbox import messages_to, new_message
from concertbook.db.group_commit import Retry, one_of_each
from concertbook.db.refusals import refused_by
from concertbook.db.rows import Insert, Update, write_rows
from concertbook.errors import DomainError
from concerts.models import Seat, new_statuses
from payments.errors import HoldExpired, TooManySeats
from payments.models import Payment, Reservation, Ticket
from payments.services.carts import LockedCart, PaymentRequest, lock_carts
from payments.services.holds import MOST_AT_ONCE, TRIGGERS
from payments.services.releases import expire_overdue
from queueing.services.gate import extend_admissions, finish


@dataclass(frozen=True)
class Receipt:
    """The result of a payment; ``balance`` is the remaining balance in won."""

    payments: list[Payment]
    tickets: list[Ticket]
    balance: int


Outcome = Receipt | DomainError | AnsweredBefore | Retry


def pay_reservations(
    *,
    user: User,
    reservation_ids: Sequence[uuid.UUID],
    once: IdempotentRequest | None = None,
    act: Callable[[PaymentRequest], Outcome] | None = None,
) -> Receipt:
    """Pay these reservations of the user: a payment, a ledger line and a ticket for each.

    ``act`` is pay_one, or group_commits.pay.
    Raises TooManySeats, NotFound (also for another user's), AlreadyPaid, ScheduleCancelled,
    AlreadyCancelled, QueueNotAdmitted; HoldExpired and InsufficientBalance after the failed
    attempt was recorded; with ``once`` also what its claim raises.
    """
    if len(reservation_ids) > MOST_AT_ONCE:
        raise TooManySeats
    outcome = (act or pay_one)(PaymentRequest(user, reservation_ids, once))
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def pay_one(request: PaymentRequest) -> Outcome:
    """Pay in a transaction of its own, which waits for locks."""
    (outcome,) = pay([request], wait=True)
    return outcome


def pay(requests: Sequence[PaymentRequest], *, wait: bool = False) -> list[Outcome]:
    """Pay for each of these requests, in one transaction.

    Returns the outcome of each: its receipt; the refusal (those that pay_reservations raises),
    of which HoldExpired and InsufficientBalance are recorded; AnsweredBefore for a key that has
    its answer; or Retry, when nothing was done: a lock of another transaction is in the way, the
    balance has yet to be made, or another request of the same user is among these. With ``wait``
    it waits for locks, and retries nothing. The answers to requests with a key are in their
    ``once``.

    Ten round trips, however many requests: BEGIN, two for the keys, the tokens, the seats with
    their reservations, the balances, the clock; all that is sold and answered, the places inside
    (not of users who hold other seats); COMMIT.
    Raises ScheduleCancelled when the database refuses all of it: nothing was done.
    """
    return one_of_each(requests, lambda each: each.user.pk, partial(_pay, wait=wait))


def _pay(requests: Sequence[PaymentRequest], *, wait: bool) -> dict[uuid.UUID, Outcome]:
    """The outcomes by user, each of whom has one request."""
    with refused_by(**TRIGGERS), transaction.atomic(durable=True):
        outcomes: dict[uuid.UUID, Outcome] = {}
        outcomes |= claim_keys([request.once for request in requests if request.once])
        requests = [request for request in requests if request.user.pk not in outcomes]
        payable, failed = [], []
        for cart in lock_carts(requests, wait=wait) if requests else []:
            # All checks come before the first write, so that a refusal can be recorded in this same
            # transaction.
            try:
                cart.require_payable()
            except (DomainError, Retry) as refusal:
                outcomes[cart.user.pk] = refusal
                if isinstance(refusal, HoldExpired | InsufficientBalance):
                    failed.append((cart, refusal.code))
            else:
                payable.append(cart)
        if payable:
            outcomes |= _buy(payable)
        if failed:
            _record_failures(failed)
        if not payable and not failed:
            # Nothing was written: a rollback does not wait for the disk.
            transaction.set_rollback(True)
    return outcomes


def begin_payment(*, user: User, reservation_ids: Sequence[uuid.UUID]) -> dt.datetime:
    """Extend holds, once each, because their payment has begun.

    Returns when the first of them ends. A hold that was extended before keeps its time. Raises
    what pay_reservations raises, and records nothing.
    """
    longer = dt.timedelta(seconds=settings.PAYMENT_SECONDS)
    with transaction.atomic(durable=True):
        (cart,) = lock_carts([PaymentRequest(user, reservation_ids)], wait=True)
        cart.require_held()
        cart.require_inside()
        _extend(cart.reservations, by=longer, now=cart.now)
        ends = min(reservation.expires_at for reservation in cart.reservations)
        extend_admissions(list(cart.admissions.values()), until=ends)
    return ends


def _extend(reservations: Sequence[Reservation], *, by: dt.timedelta, now: dt.datetime) -> None:
    """Two statements for any number of holds, as the rows are locked meanwhile."""
    extended = [each for each in reservations if each.extended_at is None]
    if not extended:
        return
    for reservation in extended:
        reservation.expires_at += by
        reservation.extended_at = now
    Reservation.objects.filter(pk__in=[each.pk for each in extended]).update(
        expires_at=F("expires_at") + by, extended_at=now
    )
    seats = Seat.objects.filter(pk__in=[each.seat_id for each in extended])
    seats.update(hold_expires_at=F("hold_expires_at") + by)


def _buy(carts: Sequence[LockedCart]) -> dict[uuid.UUID, Receipt]:
    """The receipts by user, each with one cart; all with the same time."""
    now = carts[0].now
    receipts = {
        cart.user.pk: Receipt(
            payments=[_new_payment(cart, reservation) for reservation in cart.reservations],
            tickets=[
                new_ticket(reservation, user=cart.user, now=cart.now)
                for reservation in cart.reservations
            ],
            balance=cart.balance.amount - cart.total,
        )
        for cart in carts
    }
    payments = [payment for receipt in receipts.values() for payment in receipt.payments]
    tickets = [ticket for receipt in receipts.values() for ticket in receipt.tickets]
    reservations = [payment.reservation for payment in payments]
    for reservation in reservations:
        reservation.status = Reservation.Status.CONFIRMED
        reservation.confirmed_at = now
    sold = [(seat, cart.user) for cart in carts for seat in cart.seats]
    for seat, _buyer in sold:
        seat.reserve()
    balances = {cart.user.pk: cart.balance for cart in carts}
    answers = [(cart.request.once, receipts[cart.user.pk]) for cart in carts if cart.request.once]
    # One statement for all tables: each further round trip costs a twentieth of the time.
    write_rows(
        new_answers(answers),
        new_statuses(sold, from_status=Seat.Status.HELD, reason="paid", now=now),
        *new_lines((balances[each.user_id], _ledger_entry(each)) for each in payments),
        Update(reservations, ("status", "confirmed_at")),
        messages_to([_news(cart.user, receipts[cart.user.pk]) for cart in carts], kind="tickets"),
        Insert(payments),
        Insert(tickets),
    )
    _leave_rooms(carts, now)
    return receipts


def _news(user: User, receipt: Receipt) -> tuple[User, dict[str, Any]]:
    return user, {"tickets": [str(ticket.pk) for ticket in receipt.tickets]}


def _new_payment(
    cart: LockedCart,
    reservation: Reservation,
    *,
    status: Payment.Status = Payment.Status.SUCCESS,
    reason: str = "",
) -> Payment:
    return Payment(
        user=cart.user,
        reservation=reservation,
        amount=reservation.price,
        status=status,
        reason=reason,
        paid_at=cart.now,
    )


def _ledger_entry(payment: Payment) -> LedgerEntry:
    return LedgerEntry(
        type=BalanceHistory.Type.RESERVATION,
        amount=payment.amount,
        source=payment.pk,
        at=payment.paid_at,
        status=BalanceHistory.Status(payment.status),
        reason=payment.reason,
    )


def new_ticket(reservation: Reservation, *, user: User, now: dt.datetime) -> Ticket:
    """The ticket of a confirmed reservation for ``user``, whose it is. Not saved."""
    return Ticket(
        reservation=reservation,
        seat=reservation.seat,
        user=user,
        price=reservation.price,
        seat_number=reservation.seat.number,
        start_at=reservation.schedule.start_at,
        end_at=reservation.schedule.end_at,
        refund_policy=reservation.schedule.concert.refund_policy,
        created_at=now,
        updated_at=now,
    )


def _leave_rooms(carts: Sequence[LockedCart], now: dt.datetime) -> None:
    """End the admissions of buyers who hold no other seats in the room."""
    done = [
        admission
        for cart in carts
        for room, admission in cart.admissions.items()
        if room not in cart.busy_rooms
    ]
    finish(done, now=now)


def _record_failures(failed: Sequence[tuple[LockedCart, str]]) -> None:
    """Record failed attempts to pay, with their reasons, and end the overdue holds.

    Recorded once for each reservation and reason, however often it is retried.
    """
    expire_overdue([seat for cart, _reason in failed for seat in cart.seats], now=failed[0][0].now)
    reservations = [each for cart, _reason in failed for each in cart.reservations]
    known = Payment.objects.filter(reservation__in=reservations, status=Payment.Status.FAILED)
    recorded = set(known.values_list("reservation_id", "reason"))
    failures = [
        (cart, _new_payment(cart, each, status=Payment.Status.FAILED, reason=reason))
        for cart, reason in failed
        for each in cart.reservations
        if (each.pk, reason) not in recorded
    ]
    if not failures:
        return
    of_user: defaultdict[User, list[str]] = defaultdict(list)
    for cart, payment in failures:
        of_user[cart.user].append(str(payment.pk))
    news = [
        new_message(kind="payment_failed", user=user, data={"payments": ids})
        for user, ids in of_user.items()
    ]
    lines = new_lines((cart.balance, _ledger_entry(payment)) for cart, payment in failures)
    write_rows(Insert(news), Insert([payment for _cart, payment in failures]), *lines)
