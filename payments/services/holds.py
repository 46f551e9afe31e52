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
from django.db import DEFAULT_DB_ALIAS, IntegrityError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import CheckViolation

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound, TooManyRequests
from concerts.errors import ScheduleCancelled, SeatNotFound, SeatTaken
from concerts.models import ConcertSchedule, Seat, save_status
from concerts.services.nearest_seats import suggest_seats
from concerts.services.programme import get_schedule
from concerts.services.seating import lock_seats
from payments.errors import AlreadyPaid, DuplicateSeats, PurchaseLimitExceeded
from payments.models import Reservation, ReservationQuerySet
from queueing.errors import QueueNotAdmitted
from queueing.models import room_of
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
    if len(set(numbers)) != len(numbers):
        raise DuplicateSeats
    try:
        return _hold(user, schedule_id, numbers, token)
    except (SeatNotFound, QueueNotAdmitted):
        get_schedule(schedule_id)  # that there is no such schedule says more
        raise
    except SeatTaken as taken:
        # After the transaction, which undid it: the hold that stood in the way may be overdue.
        _release(Reservation.objects.filter(schedule=schedule_id, seat__number__in=numbers))
        # And whoever looks for other seats should hold no locks.
        taken.extra["nearest"] = suggest_seats(schedule_id=schedule_id, numbers=numbers)
        raise


def _hold(
    user: User, schedule_id: uuid.UUID, numbers: Sequence[int], token: uuid.UUID | None
) -> list[Reservation]:
    """Seven round trips: BEGIN, the token, the seats, what the user has with the schedule and
    the clock, two that write, COMMIT. One more where the stay has to be extended.
    """
    room_id = get_schedule(schedule_id).concert.waiting_room_id if token is None else room_of(token)
    with refused_once_cancelled(), transaction.atomic(durable=True):
        admission = lock_admission(user=user, room_id=room_id, token=token)
        seats = lock_seats(schedule_id=schedule_id, numbers=numbers)
        standing = _standing_of(user, schedule_id)
        # Read only now: an operator may have moved the sale while we waited for the locks.
        schedule, now = standing.schedule, standing.now
        if standing.room_id != admission.room_id:
            raise QueueNotAdmitted
        require_still_inside(admission, now)
        schedule.require_on_sale(now)
        standing.require_no_hoarding()
        expire_overdue(seats, now=now)
        if standing.has_overdue:
            mine = Reservation.objects.filter(user=user, schedule=schedule)
            expire_overdue(_lock_overdue_seats(mine.overdue(now)), now=now)
            standing = _standing_of(user, schedule_id)
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
    """What a user has and had, and the sale's rules, at ``now``: read at once with the clock."""

    now: dt.datetime
    filled_slots: list[int]
    first_hold_ends: dt.datetime | None
    given_up: int
    first_given_up: dt.datetime | None
    room_id: int
    schedule: ConcertSchedule

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


# What a sale goes by, in the order of the columns.
RULES = ["id", "concert_id", "purchase_limit", "reserve_from", "reserve_until", "cancelled_at"]


def _standing_of(user: User, schedule_id: uuid.UUID) -> Standing:
    """After the last lock. The caller has the user's token locked: nobody fills a slot meanwhile.

    Raises NotFound for an unknown schedule.
    """
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
            ), had AS (
                SELECT coalesce(array_agg(slot) FILTER (WHERE live), '{}'),
                       min(expires_at) FILTER (WHERE live AND status = 'HOLD'),
                       count(slot) FILTER (WHERE given_up),
                       min(created_at) FILTER (WHERE given_up)
                FROM mine
            )
            SELECT clock_timestamp(), had.*, concert.waiting_room_id, schedule.id, concert.id,
                   schedule.purchase_limit, schedule.reserve_from, schedule.reserve_until,
                   schedule.cancelled_at
            FROM had, concerts_concertschedule AS schedule
            JOIN concerts_concert AS concert ON concert.id = schedule.concert_id
            WHERE schedule.id = %(schedule)s
            """,
            {
                "user": user.pk,
                "schedule": schedule_id,
                "window": HOARDING_WINDOW.total_seconds(),
            },
        )
        row = cursor.fetchone()
    if row is None:
        raise NotFound
    schedule = ConcertSchedule.from_db(DEFAULT_DB_ALIAS, RULES, row[6:])
    return Standing(*(*row[:6], schedule))


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
    reservations = [
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
    ]
    _insert(reservations)
    return reservations


def _insert(reservations: Sequence[Reservation]) -> None:
    """Alike but for seat, slot and price."""
    first = reservations[0]
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO payments_reservation
                (id, seat_id, slot, price, user_id, schedule_id, status, created_at, expires_at)
            SELECT id, seat, slot, price, %(user)s, %(schedule)s, 'HOLD', %(now)s, %(until)s
            FROM unnest(%(ids)s::uuid[], %(seats)s::uuid[], %(slots)s::smallint[],
                        %(prices)s::bigint[]) AS held (id, seat, slot, price)
            """,
            {
                "user": first.user_id,
                "schedule": first.schedule_id,
                "now": first.created_at,
                "until": first.expires_at,
                "ids": [each.pk for each in reservations],
                "seats": [each.seat_id for each in reservations],
                "slots": [each.slot for each in reservations],
                "prices": [each.price for each in reservations],
            },
        )
    for reservation in reservations:
        reservation._state.adding = False


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
