"""Hold seats for five minutes, let go of them, and free those whose time is over."""

import datetime as dt
import math
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import CheckViolation

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound, TooManyRequests
from concerts.errors import ScheduleCancelled, SeatTaken
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.services.nearest_seats import suggest_seats
from concerts.services.programme import get_schedule
from concerts.services.seating import lock_seats
from payments.errors import AlreadyPaid, DuplicateSeats, PurchaseLimitExceeded
from payments.models import Reservation, ReservationQuerySet
from queueing.services.gate import extend_stay, lock_admission, require_still_inside

SWEEP_BATCH = 500
HOARDING_WINDOW = dt.timedelta(hours=1)
# The trigger's name (migration 0003).
NOTHING_SOLD = "payments_nothing_sold_once_cancelled"


def hold_seats(
    *, user: User, schedule_id: uuid.UUID, numbers: Sequence[int], token: uuid.UUID | None = None
) -> list[Reservation]:
    """Hold all of these seats for the user, or none; returns the reservations in seat order.

    ``token`` is the queue token that the client showed, None for the user's own in the room.
    Raises NotFound, DuplicateSeats, SeatNotFound, QueueNotAdmitted, SaleNotOpen, SaleClosed,
    ScheduleCancelled, PurchaseLimitExceeded, TooManyRequests for hoarding; SeatTaken with
    ``nearest``, the seats to try instead.
    """
    schedule = get_schedule(schedule_id)
    if len(set(numbers)) != len(numbers):
        raise DuplicateSeats
    try:
        return _hold(user, schedule, numbers, token)
    except SeatTaken as taken:
        # After the transaction, which undid it: the hold that stood in the way may be overdue.
        _release(Reservation.objects.filter(schedule=schedule, seat__number__in=numbers))
        # And whoever looks for other seats should hold no locks.
        taken.extra["nearest"] = suggest_seats(schedule_id=schedule.pk, numbers=numbers)
        raise


def _hold(
    user: User, schedule: ConcertSchedule, numbers: Sequence[int], token: uuid.UUID | None
) -> list[Reservation]:
    with refused_once_cancelled(), transaction.atomic(durable=True):
        admission = lock_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
        seats = lock_seats(schedule_id=schedule.pk, numbers=numbers)
        standing = _standing_of(user, schedule)
        now = standing.now
        require_still_inside(admission, now)
        # As they are now: an operator may have moved the sale while we waited for the locks.
        standing.refresh(schedule)
        schedule.require_on_sale(now)
        standing.require_no_hoarding()
        expire_overdue(seats, now=now)
        if standing.has_overdue:
            mine = Reservation.objects.filter(user=user, schedule=schedule)
            expire_overdue(_lock_overdue_seats(mine.overdue(now)), now=now)
            standing = _standing_of(user, schedule)
        slots = standing.free_slots(len(seats), limit=schedule.purchase_limit)
        until = now + dt.timedelta(seconds=settings.HOLD_SECONDS)
        reservations = _write_holds(user, schedule, seats, slots, now=now, until=until)
        extend_stay(admission, until=until)
    return reservations


@contextmanager
def refused_once_cancelled() -> Iterator[None]:
    """Around a transaction that sells: raises ScheduleCancelled when the database refuses it.

    The schedule was then cancelled between our reading it and our writing.
    """
    try:
        yield
    except IntegrityError as exc:
        refusal = exc.__cause__
        if not isinstance(refusal, CheckViolation) or refusal.diag.constraint_name != NOTHING_SOLD:
            raise
        raise ScheduleCancelled from exc


@dataclass(frozen=True)
class Standing:
    """What a user has and had, at ``now``: read after the last lock, with the clock, at once."""

    now: dt.datetime
    filled_slots: list[int]
    first_hold_ends: dt.datetime | None
    given_up: int
    first_given_up: dt.datetime | None
    reserve_from: dt.datetime
    reserve_until: dt.datetime
    purchase_limit: int
    cancelled_at: dt.datetime | None

    def refresh(self, schedule: ConcertSchedule) -> None:
        """Bring the schedule's rules up to date. Nothing is saved."""
        schedule.reserve_from = self.reserve_from
        schedule.reserve_until = self.reserve_until
        schedule.purchase_limit = self.purchase_limit
        schedule.cancelled_at = self.cancelled_at

    @property
    def has_overdue(self) -> bool:
        return self.first_hold_ends is not None and self.first_hold_ends <= self.now

    def require_no_hoarding(self) -> None:
        """Raises TooManyRequests for somebody who keeps taking seats and letting them go."""
        if self.given_up >= settings.GIVEN_UP_PER_HOUR and self.first_given_up:
            again = self.first_given_up + HOARDING_WINDOW - self.now
            raise TooManyRequests(retry_after=max(1, math.ceil(again.total_seconds())))

    def free_slots(self, count: int, *, limit: int) -> list[int]:
        """The first slots up to the limit that are not filled. Raises PurchaseLimitExceeded."""
        free = (slot for slot in range(1, limit + 1) if slot not in self.filled_slots)
        slots = list(islice(free, count))
        if len(slots) < count:
            raise PurchaseLimitExceeded(limit=limit)
        return slots


def _standing_of(user: User, schedule: ConcertSchedule) -> Standing:
    """The caller has the user's token locked, so that nobody fills a slot meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH mine AS (
                SELECT slot, status, created_at, expires_at,
                       status IN ('HOLD', 'CONFIRMED') AND schedule_id = %(schedule)s AS live,
                       status IN ('EXPIRED', 'CANCELLED') AND confirmed_at IS NULL
                           AND created_at > since AS given_up
                FROM payments_reservation,
                     (SELECT clock_timestamp() - make_interval(secs => %(window)s)) moment (since)
                WHERE user_id = %(user)s
                  AND (created_at > since
                       OR schedule_id = %(schedule)s AND status IN ('HOLD', 'CONFIRMED'))
            )
            SELECT clock_timestamp(),
                   coalesce(array_agg(slot) FILTER (WHERE live), '{}'),
                   min(expires_at) FILTER (WHERE live AND status = 'HOLD'),
                   count(slot) FILTER (WHERE given_up),
                   min(mine.created_at) FILTER (WHERE given_up),
                   schedule.reserve_from, schedule.reserve_until, schedule.purchase_limit,
                   schedule.cancelled_at
            FROM concerts_concertschedule AS schedule LEFT JOIN mine ON true
            WHERE schedule.id = %(schedule)s
            GROUP BY schedule.id
            """,
            {"user": user.pk, "schedule": schedule.pk, "window": HOARDING_WINDOW.total_seconds()},
        )
        return Standing(*cursor.fetchone())


def _write_holds(
    user: User,
    schedule: ConcertSchedule,
    seats: list[Seat],
    slots: Sequence[int],
    *,
    now: dt.datetime,
    until: dt.datetime,
) -> list[Reservation]:
    """The seats, all or none: raises SeatTaken before the first is written."""
    for seat in seats:
        seat.hold(user=user, until=until, now=now)
    save_status(seats, from_status=Seat.Status.AVAILABLE, changed_by=user, reason="held", now=now)
    return Reservation.objects.bulk_create(
        Reservation(
            user=user,
            seat=seat,
            schedule=schedule,
            slot=slot,
            price=seat.price,
            created_at=now,
            expires_at=until,
        )
        for seat, slot in zip(sorted(seats, key=attrgetter("number")), slots, strict=True)
    )


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
    holds = Reservation.objects.all() if user is None else Reservation.objects.filter(user=user)
    released = 0
    while batch := _release(holds):
        released += batch
    return released


def _release(holds: ReservationQuerySet) -> int:
    """One batch of those among these that are overdue."""
    now = database_now()
    overdue = holds.overdue(now)
    if not overdue.exists():
        return 0
    with transaction.atomic(durable=True):
        return expire_overdue(_lock_overdue_seats(overdue.order_by("expires_at")), now=now)


def _lock_overdue_seats(overdue: QuerySet[Reservation]) -> list[Seat]:
    # Skipping what is locked keeps this out of every circle of waiting, in whatever order.
    locked = Seat.objects.select_for_update(skip_locked=True, no_key=True, of=("self",))
    seats = locked.select_related("schedule").filter(
        pk__in=list(overdue.values_list("seat_id", flat=True)[:SWEEP_BATCH])
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
