"""Give seats to a person for nothing: a reservation, a payment and a line of the ledger, each of 0
won, and a ticket as any other. Settlement and exports tell them from sales by the payment's reason.

Locks, in the one order: the schedule, its seats by key, the receiver's balance.
"""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.conf import settings
from django.db import transaction

from accounts.email_addresses import clean_email
from accounts.models import FREE_TICKET, Balance, BalanceHistory, User
from accounts.services import activity
from accounts.services.account_deletion import require_open
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.outbox import new_message, queue
from concertbook.db.refusals import refused_by
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.services.seat_batches import Batch, lock_batch, unless_status
from payments.errors import NoSuchAccount, PurchaseLimitExceeded, StaleTicket
from payments.models import Payment, Reservation, Ticket
from payments.services.buyer_holdings import NO_HOLDINGS, read_holdings
from payments.services.checkout import new_ticket

MAY_GIVE = unless_status(Seat.Status.AVAILABLE, Seat.Status.BLOCKED)
REFUSALS = {
    "payments_received_within_limit": PurchaseLimitExceeded,
    # A hold of the same person has taken the place among their seats.
    "payments_reservation_one_live_per_slot": StaleTicket,
}


def give_tickets(
    *, actor: User, schedule_id: uuid.UUID, numbers: Collection[int], email: str, reason: str
) -> Batch:
    """Give those of these seats that no buyer holds or has to the account with this confirmed
    address, log it, and mail the tickets.

    They count for the purchase limit as bought ones do. Raises ValidationError for no address;
    NotFound, ScheduleCancelled, NoSuchAccount, AccountClosing, PurchaseLimitExceeded; StaleTicket
    when the receiver holds a seat at the same moment.
    """
    with refused_by(**REFUSALS), transaction.atomic(durable=True):
        schedule, batch = lock_batch(schedule_id, numbers, MAY_GIVE)
        rehearsal = schedule.concert.waiting_room.rehearsal
        users = User.objects.filter(email_verified_at__isnull=False, rehearsal=rehearsal)
        user = users.filter(email=clean_email(email), is_active=True).first()
        if user is None:
            raise NoSuchAccount
        if not batch.seats:
            return batch
        balance = lock_balance(user_id=user.pk)
        require_open(user)
        sale, holdings = read_holdings(schedule.pk, [user.pk])
        slots = holdings.get(user.pk, NO_HOLDINGS).free_slots(
            len(batch.seats), limit=sale.schedule.purchase_limit
        )
        reservations = [
            _reservation(user, schedule, seat, slot, now=sale.now)
            for seat, slot in zip(batch.seats, slots, strict=True)
        ]
        _take(batch.seats, by=actor, now=sale.now)
        tickets = _write(reservations, balance, now=sale.now)
        activity.record(
            actor=actor,
            act="seats.give",
            target=schedule,
            new={"seats": batch.labels},
            reason=reason,
        )
        data = {"tickets": [str(ticket.pk) for ticket in tickets]}
        queue([new_message(kind="tickets", user=user, data=data)])
    return batch


def _reservation(
    user: User, schedule: ConcertSchedule, seat: Seat, slot: int, *, now: dt.datetime
) -> Reservation:
    return Reservation(
        user=user,
        seat=seat,
        schedule=schedule,
        slot=slot,
        status=Reservation.Status.CONFIRMED,
        price=0,
        created_at=now,
        expires_at=now + dt.timedelta(seconds=settings.HOLD_SECONDS),
        confirmed_at=now,
    )


def _take(seats: Sequence[Seat], *, by: User, now: dt.datetime) -> None:
    for was in (Seat.Status.AVAILABLE, Seat.Status.BLOCKED):
        taken = [seat for seat in seats if seat.status == was]
        for seat in taken:
            seat.give()
        if taken:
            save_status(taken, from_status=was, changed_by=by, reason=FREE_TICKET, now=now)


def _write(
    reservations: Sequence[Reservation], balance: Balance, *, now: dt.datetime
) -> list[Ticket]:
    Reservation.objects.bulk_create(reservations)
    payments = Payment.objects.bulk_create(
        Payment(
            user=reservation.user,
            reservation=reservation,
            amount=0,
            status=Payment.Status.SUCCESS,
            reason=FREE_TICKET,
            paid_at=now,
        )
        for reservation in reservations
    )
    write_lines(entries=[(balance, _ledger_entry(payment)) for payment in payments])
    return Ticket.objects.bulk_create(
        new_ticket(each, user=each.user, now=now) for each in reservations
    )


def _ledger_entry(payment: Payment) -> LedgerEntry:
    return LedgerEntry(
        type=BalanceHistory.Type.RESERVATION,
        amount=payment.amount,
        source=payment.pk,
        at=payment.paid_at,
        reason=payment.reason,
    )
