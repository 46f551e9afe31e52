"""Hold seats for five minutes, let go of them, and free those whose time is over."""

import datetime as dt
import math
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound, TooManyRequests
from concerts.errors import SeatTaken
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.nearest_seats import suggest_seats
from concerts.services import get_schedule, lock_seats
from payments.errors import AlreadyPaid, DuplicateSeats, PurchaseLimitExceeded
from payments.models import Reservation
from queueing.services import extend_stay, lock_admission, require_still_inside

SWEEP_BATCH = 500
HOARDING_WINDOW = dt.timedelta(hours=1)


def hold_seats(
    *, user: User, schedule_id: uuid.UUID, numbers: Sequence[int], token: uuid.UUID | None = None
) -> list[Reservation]:
    """Hold all of these seats for the user, or none; returns the reservations in seat order.

    ``token`` is the queue token that the client showed, None for the user's own in the room.
    Raises NotFound, DuplicateSeats, SeatNotFound, QueueNotAdmitted, SaleNotOpen, SaleClosed,
    PurchaseLimitExceeded, TooManyRequests for hoarding; SeatTaken with ``nearest``, the seats
    to try instead.
    """
    schedule = get_schedule(schedule_id)
    if len(set(numbers)) != len(numbers):
        raise DuplicateSeats
    if len(numbers) > schedule.purchase_limit:
        raise PurchaseLimitExceeded(limit=schedule.purchase_limit)
    try:
        return _hold(user, schedule, numbers, token)
    except SeatTaken as taken:
        # After the transaction: whoever looks for other seats should hold no locks.
        taken.extra["nearest"] = suggest_seats(schedule_id=schedule.pk, numbers=numbers)
        raise


def _hold(
    user: User, schedule: ConcertSchedule, numbers: Sequence[int], token: uuid.UUID | None
) -> list[Reservation]:
    with transaction.atomic(durable=True):
        admission = lock_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
        seats = lock_seats(schedule_id=schedule.pk, numbers=numbers)
        now = database_now()
        require_still_inside(admission, now)
        schedule.require_on_sale(now)
        for seat in seats:
            seat.schedule = schedule
        expire_overdue(seats, now=now)
        require_no_hoarding(user, now)
        slots = _free_slots(user, schedule, now)[: len(seats)]
        if len(slots) < len(seats):
            raise PurchaseLimitExceeded(limit=schedule.purchase_limit)
        until = now + dt.timedelta(seconds=settings.HOLD_SECONDS)
        for seat in seats:
            seat.hold(user=user, until=until, now=now)
        save_status(
            seats, from_status=Seat.Status.AVAILABLE, changed_by=user, reason="held", now=now
        )
        seats.sort(key=lambda seat: seat.number)
        reservations = Reservation.objects.bulk_create(
            Reservation(
                user=user,
                seat=seat,
                schedule=schedule,
                slot=slot,
                price=seat.price,
                created_at=now,
                expires_at=until,
            )
            for seat, slot in zip(seats, slots, strict=True)
        )
        extend_stay(admission, until=until)
    return reservations


def require_no_hoarding(user: User, now: dt.datetime) -> None:
    """Raises TooManyRequests for somebody who keeps taking seats and letting them go."""
    given_up = Reservation.objects.filter(
        user=user,
        created_at__gt=now - HOARDING_WINDOW,
        confirmed_at=None,
        status__in=[Reservation.Status.EXPIRED, Reservation.Status.CANCELLED],
    )
    moments = list(given_up.values_list("created_at", flat=True)[: settings.GIVEN_UP_PER_HOUR])
    if len(moments) >= settings.GIVEN_UP_PER_HOUR:
        again = moments[-1] + HOARDING_WINDOW - now
        raise TooManyRequests(retry_after=math.ceil(again.total_seconds()))


def _free_slots(user: User, schedule: ConcertSchedule, now: dt.datetime) -> list[int]:
    """The slots up to the limit that the user has not filled; frees overdue ones on the way.

    The user's token is locked, so nobody fills them meanwhile.
    """
    mine = Reservation.objects.filter(user=user, schedule=schedule)
    live = list(mine.live().only("slot", "status", "expires_at"))
    if any(reservation.is_overdue(now) for reservation in live):
        expire_overdue(_lock_overdue_seats(mine.overdue(now), now), now=now)
        live = list(mine.live().only("slot"))
    filled = {reservation.slot for reservation in live}
    return [slot for slot in range(1, schedule.purchase_limit + 1) if slot not in filled]


def release_reservation(*, user: User, reservation_id: uuid.UUID) -> None:
    """Let go of a hold before its time. What is no longer held stays as it is.

    Raises NotFound for anybody else's reservation, AlreadyPaid for a confirmed one.
    """
    mine = Reservation.objects.filter(user=user, pk=reservation_id)
    seat_id = mine.values_list("seat_id", flat=True).first()
    if seat_id is None:
        raise NotFound
    with transaction.atomic(durable=True):
        seat = Seat.objects.select_for_update(no_key=True).get(pk=seat_id)
        reservation = mine.select_for_update(no_key=True).get()
        if reservation.status == Reservation.Status.CONFIRMED:
            raise AlreadyPaid
        if reservation.status == Reservation.Status.HOLD:
            now = database_now()
            reservation.status = Reservation.Status.CANCELLED
            reservation.save(update_fields=["status"])
            seat.release()
            save_status(
                [seat], from_status=Seat.Status.HELD, changed_by=user, reason="let_go", now=now
            )


def release_expired_holds(*, user: User | None = None) -> int:
    """Free the seats of overdue holds, of everybody or of one user; returns how many.

    Safe to run twice at once, and to be killed: each batch is one transaction, and a seat that
    somebody else has locked is left to them.
    """
    released = 0
    while batch := _release_batch(user):
        released += batch
    return released


def _release_batch(user: User | None) -> int:
    now = database_now()
    overdue = Reservation.objects.overdue(now)
    if user is not None:
        overdue = overdue.filter(user=user)
    if not overdue.exists():
        return 0
    with transaction.atomic(durable=True):
        seats = _lock_overdue_seats(overdue.order_by("expires_at"), now)
        return expire_overdue(seats, now=now)


def _lock_overdue_seats(overdue: QuerySet[Reservation], now: dt.datetime) -> list[Seat]:
    # Skipping what is locked keeps this out of every circle of waiting, in whatever order.
    locked = Seat.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    seats = locked.select_related("schedule").filter(
        pk__in=list(overdue.values_list("seat_id", flat=True)[:SWEEP_BATCH]),
        status=Seat.Status.HELD,
        hold_expires_at__lte=now,
    )
    return list(seats.order_by("pk"))


def expire_overdue(seats: Sequence[Seat], *, now: dt.datetime) -> int:
    """End whichever holds on these seats are overdue at ``now``; returns how many.

    The caller holds the seats' row locks; their reservations are locked here.
    """
    overdue = [seat for seat in seats if seat.hold_expires_at and seat.hold_expires_at <= now]
    if not overdue:
        return 0
    Reservation.objects.filter(
        seat__in=[seat.pk for seat in overdue], status=Reservation.Status.HOLD
    ).update(status=Reservation.Status.EXPIRED)
    for seat in overdue:
        seat.release(available_from=seat.schedule.after_rest(now))
    save_status(
        overdue, from_status=Seat.Status.HELD, changed_by=None, reason="hold_expired", now=now
    )
    return len(overdue)


def my_reservations(*, user: User) -> QuerySet[Reservation]:
    """The user's reservations, newest first, none of them shown as held past its time."""
    release_expired_holds(user=user)
    return Reservation.objects.filter(user=user).select_related("seat", "schedule__concert")


def my_holds(*, user: User) -> list[Reservation]:
    """What the user holds and has not paid yet; what ends first comes first."""
    holds = my_reservations(user=user).filter(status=Reservation.Status.HOLD)
    return list(holds.order_by("expires_at", "schedule", "seat__number"))


def allowance(*, user: User, schedule: ConcertSchedule) -> int:
    """How many more seats of the schedule the user may hold now."""
    live = Reservation.objects.live().filter(user=user, schedule=schedule)
    return max(0, schedule.purchase_limit - live.count())


def get_reservation(*, user: User, reservation_id: uuid.UUID) -> Reservation:
    """Raises NotFound, also for anybody else's."""
    reservation = my_reservations(user=user).filter(pk=reservation_id).first()
    if reservation is None:
        raise NotFound
    return reservation
