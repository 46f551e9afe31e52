"""Pay for held seats from the balance: all of them or none."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import F

from accounts.errors import InsufficientBalance
from accounts.idempotency import IdempotentRequest, claim_keys, save_answers
from accounts.models import Balance, BalanceHistory, User
from accounts.services import LedgerEntry, write_lines_of_many
from concertbook.db.arrays import array
from concertbook.errors import DomainError
from concerts.models import Seat, save_statuses
from payments.errors import HoldExpired, TooManySeats
from payments.models import Payment, Reservation, Ticket
from payments.services.baskets import Basket, Order, lock_basket, lock_free_baskets
from payments.services.holds import MOST_AT_ONCE, refused_once_cancelled
from payments.services.releases import expire_overdue
from queueing.services.gate import extend_stays, finish


@dataclass(frozen=True)
class Receipt:
    """What a payment bought; ``balance`` is what is left, in won."""

    payments: list[Payment]
    tickets: list[Ticket]
    balance: int


def pay(
    *, user: User, reservation_ids: Sequence[uuid.UUID], once: IdempotentRequest | None = None
) -> Receipt:
    """Pay these reservations of the user: a payment, a ledger line and a ticket for each.

    Thirteen round trips, however many they are: BEGIN, two of ``once``, the tokens, the seats with
    their reservations, the balance, the clock; what is sold, the ledger, the seats, the place
    inside (not while other seats are held), the answer; COMMIT.
    Raises TooManySeats, NotFound (also for anybody else's), AlreadyPaid, ScheduleCancelled,
    AlreadyCancelled, QueueNotAdmitted; HoldExpired and InsufficientBalance after the failed
    attempt was recorded; with ``once`` also what its claim raises.
    """
    if len(reservation_ids) > MOST_AT_ONCE:
        raise TooManySeats
    refusal: DomainError
    with refused_once_cancelled(), transaction.atomic(durable=True):
        if once:
            once.claim()
        basket = lock_basket(Order(user, reservation_ids))
        try:
            # Every check comes before the first write: a refusal leaves nothing half done, and
            # its record can go into this same transaction.
            basket.require_payable()
            (receipt,) = _buy([basket])
            if once:
                once.save(receipt)
            return receipt
        except (HoldExpired, InsufficientBalance) as exc:
            expire_overdue(basket.seats, now=basket.now)
            _record_failure(basket, reason=exc.code)
            refusal = exc
    raise refusal


def pay_for_many(orders: Sequence[tuple[Order, IdempotentRequest]]) -> list[bool]:
    """What pay does for each of these, in one transaction: as few round trips for all.

    For orders of different users. It waits for nobody and refuses nobody: where a lock, an
    earlier answer or a rule stands in the way, False says that nothing was done, and pay will
    wait, or say why not. The answers are in the IdempotentRequests. An exception undoes all of it.
    """
    paid: list[IdempotentRequest] = []
    with refused_once_cancelled(), transaction.atomic(durable=True):
        refusals = claim_keys([once for _order, once in orders])
        wanted = [each for each, refusal in zip(orders, refusals, strict=True) if not refusal]
        baskets = lock_free_baskets([order for order, _once in wanted])
        payable = []
        for basket, (_order, once) in zip(baskets, wanted, strict=True):
            if basket and _is_payable(basket):
                payable.append(basket)
                paid.append(once)
        if payable:
            save_answers(list(zip(paid, _buy(payable), strict=True)))
    return [once in paid for _order, once in orders]


def _is_payable(basket: Basket) -> bool:
    try:
        basket.require_payable()
    except DomainError:
        return False
    return True


def begin_payment(*, user: User, reservation_ids: Sequence[uuid.UUID]) -> dt.datetime:
    """Give holds a little longer, once each, because their payment has begun.

    Returns when the first of them ends. A hold that was extended before keeps its time: neither
    asking again nor adding seats buys more. Raises what ``pay`` raises, and records nothing.
    """
    longer = dt.timedelta(seconds=settings.PAYMENT_SECONDS)
    with transaction.atomic(durable=True):
        basket = lock_basket(Order(user, reservation_ids))
        for reservation in basket.reservations:
            reservation.require_payable(basket.now)
        admissions = basket.require_inside()
        _extend(basket.reservations, by=longer, now=basket.now)
        ends = min(reservation.expires_at for reservation in basket.reservations)
        extend_stays(admissions, until=ends)
    return ends


def _extend(reservations: Sequence[Reservation], *, by: dt.timedelta, now: dt.datetime) -> None:
    """Two statements, however many they are: the rows are locked meanwhile."""
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


def _buy(baskets: Sequence[Basket]) -> list[Receipt]:
    """Each of another user, and of one moment; a receipt for each."""
    now = baskets[0].now
    receipts = [
        Receipt(
            payments=[_new_payment(basket, reservation) for reservation in basket.reservations],
            tickets=[_new_ticket(basket, reservation) for reservation in basket.reservations],
            balance=basket.balance.amount - basket.total,
        )
        for basket in baskets
    ]
    _confirm(receipts, now)
    _write_movements(
        (basket.balance, payment)
        for basket, receipt in zip(baskets, receipts, strict=True)
        for payment in receipt.payments
    )
    changes = [(seat, basket.user) for basket in baskets for seat in basket.seats]
    for seat, _buyer in changes:
        seat.reserve()
    save_statuses(changes, from_status=Seat.Status.HELD, reason="paid", now=now)
    _leave_rooms(baskets, now)
    return receipts


def _confirm(receipts: Sequence[Receipt], now: dt.datetime) -> None:
    """One statement for all three tables, and for however many seats and buyers."""
    payments = [payment for receipt in receipts for payment in receipt.payments]
    tickets = [ticket for receipt in receipts for ticket in receipt.tickets]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH bought AS (
                SELECT * FROM unnest(
                    %(users)s::uuid[], %(reservations)s::uuid[], %(seats)s::uuid[],
                    %(numbers)s::int[], %(prices)s::bigint[], %(payments)s::uuid[],
                    %(tickets)s::uuid[], %(codes)s::text[], %(starts)s::timestamptz[],
                    %(ends)s::timestamptz[], %(policies)s::text[])
                    AS bought (buyer, reservation, seat, number, price, payment, ticket, code,
                               start_at, end_at, policy)
            ), confirmed AS (
                UPDATE payments_reservation SET status = 'CONFIRMED', confirmed_at = %(now)s
                WHERE id = ANY(%(reservations)s::uuid[])
            ), paid AS (
                INSERT INTO payments_payment
                    (id, user_id, reservation_id, amount, status, reason, paid_at)
                SELECT payment, buyer, reservation, price, 'SUCCESS', '', %(now)s FROM bought
            )
            INSERT INTO payments_ticket
                (id, reservation_id, seat_id, user_id, status, price, seat_number, start_at,
                 end_at, refund_policy, code, gate, version, created_at, updated_at)
            SELECT ticket, reservation, seat, buyer, 'ISSUED', price, number, start_at,
                   end_at, policy, code, '', 1, %(now)s, %(now)s
            FROM bought
            """,
            {
                "now": now,
                "users": array(ticket.user_id for ticket in tickets),
                "reservations": array(ticket.reservation_id for ticket in tickets),
                "seats": array(ticket.seat_id for ticket in tickets),
                "numbers": array(ticket.seat_number for ticket in tickets),
                "prices": array(ticket.price for ticket in tickets),
                "payments": array(payment.pk for payment in payments),
                "tickets": array(ticket.pk for ticket in tickets),
                "codes": array(ticket.code for ticket in tickets),
                "starts": array(ticket.start_at for ticket in tickets),
                "ends": array(ticket.end_at for ticket in tickets),
                "policies": array(ticket.refund_policy for ticket in tickets),
            },
        )
    for payment in payments:
        payment.reservation.status = Reservation.Status.CONFIRMED
        payment.reservation.confirmed_at = now
    for written in (*payments, *tickets):
        written._state.adding = False


def _new_payment(
    basket: Basket,
    reservation: Reservation,
    *,
    status: Payment.Status = Payment.Status.SUCCESS,
    reason: str = "",
) -> Payment:
    return Payment(
        user=basket.user,
        reservation=reservation,
        amount=reservation.price,
        status=status,
        reason=reason,
        paid_at=basket.now,
    )


def _write_movements(payments: Iterable[tuple[Balance, Payment]]) -> None:
    write_lines_of_many(
        entries=[
            (
                balance,
                LedgerEntry(
                    type=BalanceHistory.Type.RESERVATION,
                    amount=payment.amount,
                    source=payment.pk,
                    at=payment.paid_at,
                    status=BalanceHistory.Status(payment.status),
                    reason=payment.reason,
                ),
            )
            for balance, payment in payments
        ]
    )


def _new_ticket(basket: Basket, reservation: Reservation) -> Ticket:
    return Ticket(
        reservation=reservation,
        seat=reservation.seat,
        user=basket.user,
        price=reservation.price,
        seat_number=reservation.seat.number,
        start_at=reservation.schedule.start_at,
        end_at=reservation.schedule.end_at,
        refund_policy=reservation.schedule.concert.refund_policy,
        created_at=basket.now,
        updated_at=basket.now,
    )


def _leave_rooms(baskets: Sequence[Basket], now: dt.datetime) -> None:
    """Give the places inside to the next in line, but for buyers who still hold seats there."""
    done = [
        admission
        for basket in baskets
        for room, admission in basket.admissions.items()
        if room not in basket.busy_rooms
    ]
    finish(done, now=now)


def _record_failure(basket: Basket, *, reason: str) -> None:
    """Once for each reservation and reason, however often it is tried again."""
    known = Payment.objects.filter(reservation__in=basket.reservations, reason=reason)
    recorded = set(known.values_list("reservation_id", flat=True))
    failed = [
        _new_payment(basket, reservation, status=Payment.Status.FAILED, reason=reason)
        for reservation in basket.reservations
        if reservation.pk not in recorded
    ]
    if failed:
        Payment.objects.bulk_create(failed)
        _write_movements((basket.balance, payment) for payment in failed)
