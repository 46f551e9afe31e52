"""Pay for held seats from the balance: all of them or none."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from accounts.errors import InsufficientBalance
from accounts.idempotency import Once
from accounts.models import Balance, BalanceHistory, User
from accounts.services import Movement, lock_balance, write_lines
from concertbook.clock import database_now
from concertbook.errors import DomainError, NotFound
from concerts.models import Seat, save_status
from payments.errors import HoldExpired
from payments.models import Payment, Reservation, Ticket
from payments.services.holds import expire_overdue, refused_once_cancelled
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from queueing.services.gate import extend_stay, finish, lock_admission, require_still_inside


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
    # None: the user is not let in, or no longer.
    admissions: list[QueueToken] | None
    seats: list[Seat]
    reservations: list[Reservation]
    balance: Balance
    now: dt.datetime

    @property
    def total(self) -> int:
        return sum(reservation.price for reservation in self.reservations)


def pay(*, user: User, reservation_ids: Sequence[uuid.UUID], once: Once | None = None) -> Receipt:
    """Pay these reservations of the user: a payment, a ledger line and a ticket for each.

    Raises NotFound (also for anybody else's), AlreadyPaid, ScheduleCancelled, AlreadyCancelled,
    QueueNotAdmitted; HoldExpired and InsufficientBalance after the failed attempt was recorded;
    with ``once`` also what its claim raises.
    """
    rooms = _rooms_of(user, set(reservation_ids))
    refusal: DomainError
    with refused_once_cancelled(), transaction.atomic(durable=True):
        if once:
            once.claim()
        basket = _lock_basket(user, rooms, reservation_ids)
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
    rooms = _rooms_of(user, set(reservation_ids))
    longer = dt.timedelta(seconds=settings.PAYMENT_SECONDS)
    with transaction.atomic(durable=True):
        basket = _lock_basket(user, rooms, reservation_ids)
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


def _rooms_of(user: User, wanted: set[uuid.UUID]) -> list[int]:
    mine = Reservation.objects.filter(user=user, pk__in=wanted)
    rooms = list(mine.values_list("schedule__concert__waiting_room", flat=True))
    if not wanted or len(rooms) != len(wanted):
        raise NotFound
    return sorted(set(rooms))


def _lock_basket(user: User, rooms: Sequence[int], reservation_ids: Sequence[uuid.UUID]) -> Basket:
    """Lock in the one order of the house: tokens, seats, reservations, balance."""
    try:
        admissions = [lock_admission(user=user, room_id=room) for room in rooms]
    except QueueNotAdmitted:
        # Not raised yet: that it is already paid, or expired, is the better answer.
        admissions = None
    seats = list(
        Seat.objects.select_for_update(of=("self",), no_key=True)
        .filter(reservations__in=reservation_ids)
        .order_by("pk")
    )
    reservations = list(
        Reservation.objects.select_for_update(of=("self",), no_key=True)
        .select_related("schedule__concert", "seat")
        .filter(pk__in=reservation_ids)
        .order_by("pk")
    )
    # Locked in key order, shown in seat order.
    reservations.sort(key=lambda reservation: reservation.seat.number)
    balance = lock_balance(user_id=user.pk)
    return Basket(user, admissions, seats, reservations, balance, database_now())


def _require_payable(basket: Basket) -> None:
    # What is paid already comes first: then nothing has failed, and nothing is recorded.
    for reservation in sorted(basket.reservations, key=lambda each: each.confirmed_at is None):
        reservation.require_payable(basket.now)
    _require_inside(basket)
    if basket.balance.amount < basket.total:
        raise InsufficientBalance(balance=basket.balance.amount, total=basket.total)


def _require_inside(basket: Basket) -> list[QueueToken]:
    if basket.admissions is None:
        raise QueueNotAdmitted
    for admission in basket.admissions:
        require_still_inside(admission, basket.now)
    return basket.admissions


def _buy(basket: Basket) -> Receipt:
    payments = _write_payments(basket, basket.reservations, status=Payment.Status.SUCCESS)
    _confirm(basket)
    tickets = Ticket.objects.bulk_create(
        _new_ticket(basket, reservation) for reservation in basket.reservations
    )
    _leave_room(basket)
    return Receipt(payments=payments, tickets=tickets, balance=basket.balance.amount)


def _write_payments(
    basket: Basket,
    reservations: Sequence[Reservation],
    *,
    status: Payment.Status,
    reason: str = "",
) -> list[Payment]:
    payments = Payment.objects.bulk_create(
        Payment(
            user=basket.user,
            reservation=reservation,
            amount=reservation.price,
            status=status,
            reason=reason,
            paid_at=basket.now,
        )
        for reservation in reservations
    )
    movements = [
        Movement(
            type=BalanceHistory.Type.RESERVATION,
            amount=payment.amount,
            source=payment.pk,
            at=payment.paid_at,
            status=BalanceHistory.Status(status),
            reason=reason,
        )
        for payment in payments
    ]
    write_lines(balance=basket.balance, movements=movements)
    return payments


def _confirm(basket: Basket) -> None:
    Reservation.objects.filter(pk__in=[each.pk for each in basket.reservations]).update(
        status=Reservation.Status.CONFIRMED, confirmed_at=basket.now
    )
    for reservation in basket.reservations:
        reservation.status = Reservation.Status.CONFIRMED
        reservation.confirmed_at = basket.now
    for seat in basket.seats:
        seat.reserve()
    save_status(
        basket.seats,
        from_status=Seat.Status.HELD,
        changed_by=basket.user,
        reason="paid",
        now=basket.now,
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


def _leave_room(basket: Basket) -> None:
    """Give the place inside to the next in line, unless the buyer still holds seats there."""
    for admission in basket.admissions or ():
        held = Reservation.objects.filter(
            user=basket.user,
            status=Reservation.Status.HOLD,
            schedule__concert__waiting_room=admission.room_id,
        )
        if not held.exists():
            finish(admission, now=basket.now)


def _record_failure(basket: Basket, *, reason: str) -> None:
    """Once for each reservation and reason, however often it is tried again."""
    known = Payment.objects.filter(reservation__in=basket.reservations, reason=reason)
    recorded = set(known.values_list("reservation_id", flat=True))
    fresh = [each for each in basket.reservations if each.pk not in recorded]
    if fresh:
        _write_payments(basket, fresh, status=Payment.Status.FAILED, reason=reason)
