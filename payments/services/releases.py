"""The ends of unpaid holds: released by the buyer, given up with the turn, or expired."""

import datetime as dt
import uuid
from collections.abc import Collection, Sequence

from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from accounts.services import activity
from concertbook.db.arrays import array
from concertbook.db.clock import StatementTime, database_now
from concertbook.db.prepared import AnyOf, Prepared
from concertbook.db.statements import execute
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.services.seat_batches import Batch, lock_batch, unless_status
from payments.errors import AlreadyPaid
from payments.models import Reservation, ReservationQuerySet

SWEEP_BATCH = 500
# The reasons in the seats' history; the first counts against the buyer (buyer_holdings.py).
LET_GO = "let_go"
LET_GO_BY_STAFF = "let_go_by_staff"
MAY_RELEASE = unless_status(Seat.Status.HELD)


def release_reservation(*, user: User, reservation_id: uuid.UUID) -> None:
    """Release a hold before its end. An ended reservation is not changed.

    Raises NotFound, also for another user's reservation, AlreadyPaid for a confirmed one.
    """
    mine = Reservation.objects.filter(user=user, pk=reservation_id)
    with transaction.atomic(durable=True):
        _release(mine, by=user, reason=LET_GO)


def release_by_staff(*, actor: User, reservation_id: uuid.UUID, reason: str) -> None:
    """Release a buyer's hold, and log it. An ended reservation is not changed.

    It does not count as given up by the buyer. Raises NotFound, AlreadyPaid for a confirmed one.
    """
    with transaction.atomic(durable=True):
        released = _release(
            Reservation.objects.filter(pk=reservation_id), by=actor, reason=LET_GO_BY_STAFF
        )
        if released is not None:
            activity.record(actor=actor, act="reservation.release", target=released, reason=reason)


def release_seats_by_staff(
    *, actor: User, schedule_id: uuid.UUID, numbers: Collection[int], reason: str
) -> Batch:
    """Release the holds on those of these seats that are held, and log it; as release_by_staff.

    Raises NotFound, ScheduleCancelled.
    """
    with transaction.atomic(durable=True):
        schedule, batch = lock_batch(schedule_id, numbers, MAY_RELEASE)
        if batch.seats:
            _let_go(batch.seats, user=actor, reason=LET_GO_BY_STAFF)
            activity.record(
                actor=actor,
                act="seats.release",
                target=schedule,
                new={"seats": batch.labels},
                reason=reason,
            )
    return batch


def _release(reservations: QuerySet[Reservation], *, by: User, reason: str) -> Reservation | None:
    """Release the one hold among these, in the caller's transaction; None for an ended one."""
    seat_id = reservations.values_list("seat_id", flat=True).first()
    if seat_id is None:
        raise NotFound
    seat = Seat.objects.select_for_update(no_key=True).get(pk=seat_id)
    reservation = reservations.select_for_update(no_key=True).get()
    if reservation.status == Reservation.Status.CONFIRMED:
        raise AlreadyPaid
    if reservation.status != Reservation.Status.HOLD:
        return None
    _let_go([seat], user=by, reason=reason)
    return reservation


def release_holds_in_room(*, user: User, room_id: int) -> None:
    """Release all that the user holds in the room's schedules, as the user leaves it.

    In the caller's transaction, which holds the lock of the user's token: the first in the lock
    order, so that no hold or payment of the user in this room runs meanwhile.
    """
    held = Reservation.objects.filter(status="HOLD", user=user)
    in_room = held.filter(schedule__concert__waiting_room=room_id)
    seat_ids = list(in_room.values_list("seat_id", flat=True))
    if not seat_ids:
        return
    seats = Seat.objects.select_for_update(no_key=True).filter(pk__in=seat_ids).order_by("pk")
    locked = list(seats)
    # Read after the seats' locks: a hold may have ended meanwhile, and the seat be another buyer's.
    still_held = set(held.filter(seat__in=seat_ids).values_list("seat_id", flat=True))
    _let_go([seat for seat in locked if seat.pk in still_held], user=user)


def _let_go(seats: Sequence[Seat], *, user: User, reason: str = LET_GO) -> None:
    """End the user's holds on these seats. The caller has the seats' row locks.

    An overdue hold expires instead, and its seat comes back after a cooldown.
    """
    now = database_now()
    expire_overdue(seats, now=now)
    held = [seat for seat in seats if seat.status == Seat.Status.HELD]
    if not held:
        return
    Reservation.objects.filter(seat__in=held, status="HOLD").update(
        status=Reservation.Status.CANCELLED
    )
    for seat in held:
        seat.release()
    save_status(held, from_status=Seat.Status.HELD, changed_by=user, reason=reason, now=now)


def release_expired_holds(*, user: User | None = None) -> int:
    """Free the seats of overdue holds, of all users or of one; returns how many.

    May run twice at the same time, and may be killed: each batch is one transaction, and seats
    that another transaction has locked are skipped.
    """
    if user is None:
        holds = Reservation.objects.held()
    else:
        holds = Reservation.objects.filter(status="HOLD", user=user)
    released = 0
    while batch := release_overdue(holds):
        released += batch
    return released


def release_overdue(holds: ReservationQuerySet) -> int:
    """Free the seats of one batch of the overdue ones among these; returns how many."""
    # With the clock in the same statement: most often nothing is overdue, and that is all.
    overdue = _first_overdue(holds.overdue(StatementTime()))
    found = list(overdue.values_list("seat_id", StatementTime()))
    if not found:
        return 0
    seats, (now, *_later) = zip(*found, strict=True)
    with transaction.atomic(durable=True):
        return expire_overdue(OVERDUE_SEATS.fetch(seats=seats), now=now)


def lock_overdue_seats(overdue: ReservationQuerySet) -> list[Seat]:
    seats = _first_overdue(overdue).values_list("seat_id", flat=True)
    return OVERDUE_SEATS.fetch(seats=list(seats))


def _first_overdue(overdue: QuerySet[Reservation]) -> QuerySet[Reservation]:
    """One batch, the longest overdue first."""
    return overdue.order_by("expires_at")[:SWEEP_BATCH]


def _overdue_seats() -> QuerySet[Seat]:
    # Locked rows are skipped, so that the order of locks cannot cause a deadlock.
    locked = Seat.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    seats = locked.filter(AnyOf("pk", "seats")).order_by("pk")
    return seats.only("schedule", "status", "hold_expires_at", "available_from", "version")


OVERDUE_SEATS = Prepared(_overdue_seats)


def expire_overdue(seats: Sequence[Seat], *, now: dt.datetime) -> int:
    """End the holds on these seats that are overdue at ``now``; returns how many.

    The caller holds the seats' row locks; their reservations are locked here.
    """
    overdue = [seat for seat in seats if seat.has_overdue_hold(now)]
    if not overdue:
        return 0
    execute(
        """
        UPDATE payments_reservation SET status = 'EXPIRED'
        WHERE seat_id = ANY(%s::uuid[]) AND status = 'HOLD'
        """,
        [array(seat.pk for seat in overdue)],
    )
    schedules = ConcertSchedule.objects.in_bulk({seat.schedule_id for seat in overdue})
    for seat in overdue:
        seat.release(available_from=schedules[seat.schedule_id].after_cooldown(now))
    save_status(
        overdue, from_status=Seat.Status.HELD, changed_by=None, reason="hold_expired", now=now
    )
    return len(overdue)
