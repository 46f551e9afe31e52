"""Pay for held seats from the balance: all of them or none."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet

from accounts.errors import InsufficientBalance
from accounts.idempotency import Once
from accounts.models import Balance, BalanceHistory, User
from accounts.services import Movement, lock_balance, write_lines
from concertbook.errors import DomainError, NotFound
from concertbook.prepared import OneOf, Prepared, Slot
from concerts.models import Seat, save_status
from payments.errors import HoldExpired
from payments.models import Payment, Reservation, Ticket
from payments.services.holds import expire_overdue, refused_once_cancelled
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import admitted_tokens, extend_stay, finish, require_still_inside


@dataclass(frozen=True)
class Receipt:
    """What a payment bought; ``balance`` is what is left, in won."""

    payments: list[Payment]
    tickets: list[Ticket]
    balance: int


@dataclass(frozen=True)
class Basket:
    """What is about to be paid, every row locked; ``now`` was read after the last lock."""

    user: User
    # Of the rooms that let the user in, by room.
    admissions: dict[int, QueueToken]
    reservations: list[Reservation]
    balance: Balance
    now: dt.datetime
    # Where the user holds other seats.
    busy_rooms: list[int]

    @property
    def seats(self) -> list[Seat]:
        return [reservation.seat for reservation in self.reservations]

    @property
    def rooms(self) -> set[int]:
        return {each.schedule.concert.waiting_room_id for each in self.reservations}

    @property
    def total(self) -> int:
        return sum(reservation.price for reservation in self.reservations)


def pay(*, user: User, reservation_ids: Sequence[uuid.UUID], once: Once | None = None) -> Receipt:
    """Pay these reservations of the user: a payment, a ledger line and a ticket for each.

    Thirteen round trips, however many they are: BEGIN, two of ``once``, the tokens, the seats with
    their reservations, the balance, the clock; what is sold, the ledger, the seats, the place
    inside (not while other seats are held), the answer; COMMIT.
    Raises NotFound (also for anybody else's), AlreadyPaid, ScheduleCancelled, AlreadyCancelled,
    QueueNotAdmitted; HoldExpired and InsufficientBalance after the failed attempt was recorded;
    with ``once`` also what its claim raises.
    """
    refusal: DomainError
    with refused_once_cancelled(), transaction.atomic(durable=True):
        if once:
            once.claim()
        basket = _lock_basket(user, reservation_ids)
        try:
            # Every check comes before the first write: a refusal leaves nothing half done, and
            # its record can go into this same transaction.
            _require_payable(basket)
            receipt = _buy(basket)
            if once:
                once.save(receipt)
            return receipt
        except (HoldExpired, InsufficientBalance) as exc:
            expire_overdue(basket.seats, now=basket.now)
            _record_failure(basket, reason=exc.code)
            refusal = exc
    raise refusal


def begin_payment(*, user: User, reservation_ids: Sequence[uuid.UUID]) -> dt.datetime:
    """Give holds a little longer, once each, because their payment has begun.

    Returns when the first of them ends. A hold that was extended before keeps its time: neither
    asking again nor adding seats buys more. Raises what ``pay`` raises, and records nothing.
    """
    longer = dt.timedelta(seconds=settings.PAYMENT_SECONDS)
    with transaction.atomic(durable=True):
        basket = _lock_basket(user, reservation_ids)
        for reservation in basket.reservations:
            reservation.require_payable(basket.now)
        admissions = _require_inside(basket)
        for reservation in basket.reservations:
            if reservation.extended_at is None:
                _extend(reservation, by=longer, now=basket.now)
        ends = min(reservation.expires_at for reservation in basket.reservations)
        for admission in admissions:
            extend_stay(admission, until=ends)
    return ends


def _extend(reservation: Reservation, *, by: dt.timedelta, now: dt.datetime) -> None:
    reservation.expires_at += by
    reservation.extended_at = now
    reservation.save(update_fields=["expires_at", "extended_at"])
    Seat.objects.filter(pk=reservation.seat_id).update(hold_expires_at=reservation.expires_at)


def _lock_basket(user: User, reservation_ids: Sequence[uuid.UUID]) -> Basket:
    """Lock in the one order of the house: tokens, seats, reservations, balance. Raises NotFound."""
    wanted = list(set(reservation_ids))
    # That nobody is let in is not raised yet: that it is already paid is the better answer.
    admissions = ADMISSIONS.fetch(user=user.pk, reservations=wanted)
    reservations = WANTED.fetch(user=user.pk, reservations=wanted)
    if not wanted or len(reservations) != len(wanted):
        raise NotFound
    # Locked in key order, shown in seat order.
    reservations.sort(key=lambda reservation: reservation.seat.number)
    balance = lock_balance(user_id=user.pk)
    now, busy_rooms = _moment(user, wanted)
    by_room = {admission.room_id: admission for admission in admissions}
    return Basket(user, by_room, reservations, balance, now, busy_rooms)


def _admissions() -> QuerySet[QueueToken]:
    rooms = Reservation.objects.filter(OneOf("pk", "reservations"), user=Slot("user"))
    return admitted_tokens().filter(room__in=rooms.values("schedule__concert__waiting_room"))


def _wanted() -> QuerySet[Reservation]:
    # Each seat is locked before its reservation, as by everybody who locks a reservation.
    locked = Reservation.objects.select_for_update(of=("seat", "self"), no_key=True)
    mine = locked.filter(OneOf("pk", "reservations"), user=Slot("user")).order_by("seat_id")
    return mine.select_related("seat", "schedule__concert").only(
        *("user", "price", "status", "expires_at", "confirmed_at", "extended_at"),
        *("seat__number", "seat__label", "seat__status", "seat__hold_expires_at"),
        *("seat__available_from", "seat__version"),
        *("schedule__start_at", "schedule__end_at", "schedule__cancelled_at"),
        *("schedule__concert__title", "schedule__concert__refund_policy"),
        "schedule__concert__waiting_room",
    )


ADMISSIONS = Prepared(_admissions)
WANTED = Prepared(_wanted)


def _moment(user: User, paid: list[uuid.UUID]) -> tuple[dt.datetime, list[int]]:
    """The clock, read after the last lock, and the rooms where the user holds anything else."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT clock_timestamp(), array(
                SELECT concert.waiting_room_id
                FROM payments_reservation AS held
                JOIN concerts_concertschedule AS schedule ON schedule.id = held.schedule_id
                JOIN concerts_concert AS concert ON concert.id = schedule.concert_id
                WHERE held.user_id = %s AND held.status = 'HOLD' AND NOT held.id = ANY(%s))
            """,
            [user.pk, paid],
        )
        now, busy_rooms = cursor.fetchone()
    return now, busy_rooms


def _require_payable(basket: Basket) -> None:
    # What is paid already comes first: then nothing has failed, and nothing is recorded.
    for reservation in sorted(basket.reservations, key=lambda each: each.confirmed_at is None):
        reservation.require_payable(basket.now)
    _require_inside(basket)
    if basket.balance.amount < basket.total:
        raise InsufficientBalance(balance=basket.balance.amount, total=basket.total)


def _require_inside(basket: Basket) -> list[QueueToken]:
    if basket.rooms != basket.admissions.keys():
        raise QueueNotAdmitted
    for admission in basket.admissions.values():
        require_still_inside(admission, basket.now)
    return list(basket.admissions.values())


def _buy(basket: Basket) -> Receipt:
    payments = [_new_payment(basket, reservation) for reservation in basket.reservations]
    tickets = [_new_ticket(basket, reservation) for reservation in basket.reservations]
    _confirm(basket, payments, tickets)
    _write_movements(basket, payments)
    for seat in basket.seats:
        seat.reserve()
    save_status(
        basket.seats,
        from_status=Seat.Status.HELD,
        changed_by=basket.user,
        reason="paid",
        now=basket.now,
    )
    _leave_rooms(basket)
    return Receipt(payments=payments, tickets=tickets, balance=basket.balance.amount)


def _confirm(basket: Basket, payments: list[Payment], tickets: list[Ticket]) -> None:
    """One statement for all three tables, and for however many seats."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH bought AS (
                SELECT * FROM unnest(
                    %(reservations)s::uuid[], %(seats)s::uuid[], %(numbers)s::int[],
                    %(prices)s::bigint[], %(payments)s::uuid[], %(tickets)s::uuid[],
                    %(codes)s::text[], %(starts)s::timestamptz[], %(ends)s::timestamptz[],
                    %(policies)s::text[])
                    AS bought (reservation, seat, number, price, payment, ticket, code, start_at,
                               end_at, policy)
            ), confirmed AS (
                UPDATE payments_reservation SET status = 'CONFIRMED', confirmed_at = %(now)s
                WHERE id = ANY(%(reservations)s)
            ), paid AS (
                INSERT INTO payments_payment
                    (id, user_id, reservation_id, amount, status, reason, paid_at)
                SELECT payment, %(user)s, reservation, price, 'SUCCESS', '', %(now)s FROM bought
            )
            INSERT INTO payments_ticket
                (id, reservation_id, seat_id, user_id, status, price, seat_number, start_at,
                 end_at, refund_policy, code, gate, version, created_at, updated_at)
            SELECT ticket, reservation, seat, %(user)s, 'ISSUED', price, number, start_at,
                   end_at, policy, code, '', 1, %(now)s, %(now)s
            FROM bought
            """,
            {
                "user": basket.user.pk,
                "now": basket.now,
                "reservations": [ticket.reservation_id for ticket in tickets],
                "seats": [ticket.seat_id for ticket in tickets],
                "numbers": [ticket.seat_number for ticket in tickets],
                "prices": [ticket.price for ticket in tickets],
                "payments": [payment.pk for payment in payments],
                "tickets": [ticket.pk for ticket in tickets],
                "codes": [ticket.code for ticket in tickets],
                "starts": [ticket.start_at for ticket in tickets],
                "ends": [ticket.end_at for ticket in tickets],
                "policies": [ticket.refund_policy for ticket in tickets],
            },
        )
    for reservation in basket.reservations:
        reservation.status = Reservation.Status.CONFIRMED
        reservation.confirmed_at = basket.now
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


def _write_movements(basket: Basket, payments: Sequence[Payment]) -> None:
    movements = [
        Movement(
            type=BalanceHistory.Type.RESERVATION,
            amount=payment.amount,
            source=payment.pk,
            at=payment.paid_at,
            status=BalanceHistory.Status(payment.status),
            reason=payment.reason,
        )
        for payment in payments
    ]
    write_lines(balance=basket.balance, movements=movements)


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


def _leave_rooms(basket: Basket) -> None:
    """Give the place inside to the next in line, unless the buyer still holds seats there."""
    for room, admission in basket.admissions.items():
        if room not in basket.busy_rooms:
            finish(admission, now=basket.now)


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
        _write_movements(basket, failed)
