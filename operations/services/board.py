"""What each room and its sale are doing right now: one snapshot for all who watch.

1. A reader takes the snapshot that is in Redis.
2. Without one, the reader who gets the lock builds it; it is kept for a second, or for ten times as
   long as it took, so that watching costs a tenth of a connection at most.
3. Another reader gets the one before meanwhile, which is two seconds older at most.

Without Redis each process builds one for all its readers.
"""

import datetime as dt
import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from time import monotonic
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, Sum

from concertbook.db.clock import database_now
from concertbook.db.single_flight import SingleFlight
from concertbook.db.statements import fetch_all
from concerts.models import ConcertSchedule
from payments.models import Reservation
from queueing.models import WaitingRoom
from queueing.services.room_counts import with_line_counts

PRESENT, BEFORE, LOCK = "board:present", "board:before", "board:lock"
LOCK_SECONDS = 10
# The share of the time that may go into building snapshots.
BUSY = 0.1
# The waits that the percentiles are of: those of the buyers let in within the last minutes.
WAITS_OF_MINUTES = 5

_flight: SingleFlight["Board"] = SingleFlight()


@dataclass(frozen=True)
class DateNow:
    """A performance: ``held`` and ``sold`` of its ``seats``, and ``won``, the worth of the sold."""

    id: str
    concert: str
    start_at: dt.datetime
    reserve_from: dt.datetime
    reserve_until: dt.datetime
    cancelled: bool
    seats: int
    held: int = 0
    sold: int = 0
    won: int = 0


@dataclass(frozen=True)
class RoomNow:
    """A room with its line and its performances. Waits are in seconds, None without admissions."""

    id: int
    title: str
    state: str
    rehearsal: bool
    opens_at: dt.datetime | None
    capacity: int
    admit_per_minute: int
    waiting: int
    inside: int
    admitted: int
    dates: Sequence[DateNow]
    wait_p50: float | None = None
    wait_p95: float | None = None

    @property
    def seats(self) -> int:
        return sum(date.seats for date in self.dates)

    @property
    def held(self) -> int:
        return sum(date.held for date in self.dates)

    @property
    def sold(self) -> int:
        return sum(date.sold for date in self.dates)

    @property
    def won(self) -> int:
        return sum(date.won for date in self.dates)

    @property
    def state_words(self) -> str:
        return str(WaitingRoom.State(self.state).label)

    @property
    def concerts(self) -> list[str]:
        return list(dict.fromkeys(date.concert for date in self.dates))


@dataclass(frozen=True)
class Board:
    """All rooms that are not closed and empty, at ``as_of`` by the database's clock."""

    as_of: dt.datetime
    rooms: Sequence[RoomNow]

    def room(self, room_id: int) -> RoomNow | None:
        return next((room for room in self.rooms if room.id == room_id), None)


def read_board() -> Board:
    """The present snapshot, three seconds old at most, or as long as ten take to be built."""
    board: Board | None = cache.get(PRESENT)
    if board is not None:
        return board
    if cache.add(LOCK, 1, timeout=LOCK_SECONDS):
        try:
            return _flight.do("board", _build_and_keep)
        finally:
            cache.delete(LOCK)
    board = cache.get(BEFORE)
    return _flight.do("board", _build_and_keep) if board is None else board


def _build_and_keep() -> Board:
    began = monotonic()
    board = build_board()
    seconds = max(1, math.ceil((monotonic() - began) / BUSY))
    cache.set(PRESENT, board, timeout=seconds)
    cache.set(BEFORE, board, timeout=seconds + 2)
    return board


def build_board() -> Board:
    """Five statements for any number of rooms."""
    now = database_now()
    rooms = list(with_line_counts(WaitingRoom.objects.published().live()))
    waits = _waits([room.pk for room in rooms])
    dates = _dates([room.pk for room in rooms], now)
    return Board(now, [_room_now(room, dates, waits) for room in rooms])


def _room_now(
    room: Any, dates: Mapping[int, list[DateNow]], waits: Mapping[int, Sequence[float]]
) -> RoomNow:
    p50, p95 = waits.get(room.pk, (None, None))
    return RoomNow(
        id=room.pk,
        title=room.title,
        state=room.state,
        rehearsal=bool(room.rehearsal),
        opens_at=room.opens_at,
        capacity=room.capacity,
        admit_per_minute=room.admit_per_minute,
        waiting=room.waiting_count,
        inside=room.active_count,
        admitted=room.admitted_count,
        dates=dates.get(room.pk, ()),
        wait_p50=p50,
        wait_p95=p95,
    )


def _dates(rooms: Sequence[int], now: dt.datetime) -> Mapping[int, list[DateNow]]:
    """The performances that are not over, by room."""
    schedules = list(
        ConcertSchedule.objects.filter(concert__waiting_room__in=rooms, end_at__gt=now)
        .select_related("concert")
        .order_by("start_at", "pk")
    )
    figures = _figures(schedules)
    found = defaultdict(list)
    for schedule in schedules:
        date = DateNow(
            id=str(schedule.pk),
            concert=str(schedule.concert),
            start_at=schedule.start_at,
            reserve_from=schedule.reserve_from,
            reserve_until=schedule.reserve_until,
            cancelled=schedule.cancelled_at is not None,
            seats=schedule.seat_quantity,
        )
        of_schedule: Any = figures.get(schedule.pk, {})
        found[schedule.concert.waiting_room_id].append(replace(date, **of_schedule))
    return found


def _figures(schedules: Sequence[ConcertSchedule]) -> dict[Any, dict[str, int]]:
    """Held, sold and won of each schedule that has a live reservation."""
    confirmed = Q(status=Reservation.Status.CONFIRMED)
    live = Reservation.objects.live().filter(schedule__in=[each.pk for each in schedules])
    counted: Any = live.order_by().values("schedule_id")
    rows = counted.annotate(
        held=Count("pk", filter=Q(status=Reservation.Status.HOLD)),
        sold=Count("pk", filter=confirmed),
        won=Sum("price", filter=confirmed, default=0),
    )
    return {row.pop("schedule_id"): row for row in rows}


def _waits(rooms: Sequence[int]) -> dict[int, Sequence[float]]:
    """The median and the 95th percentile of the waits in seconds, by room.

    A wait begins with the join, or with the opening if that was later.
    """
    rows = fetch_all(
        f"""
        SELECT token.room_id, percentile_cont(ARRAY[0.5, 0.95]) WITHIN GROUP (
            ORDER BY extract(epoch FROM token.available_at - {WAITS_FROM})::float8)
        FROM queueing_queuetoken token JOIN queueing_waitingroom room ON room.id = token.room_id
        WHERE token.room_id = ANY(%s)
            AND token.available_at > statement_timestamp() - interval '{WAITS_OF_MINUTES} minutes'
        GROUP BY token.room_id
        """,
        [list(rooms)],
    )
    return dict(rows)


# The beginning of a wait, for statements with the tables ``token`` and ``room``.
WAITS_FROM = (
    "CASE WHEN room.opens_at < token.available_at"
    " THEN greatest(token.issued_at, room.opens_at) ELSE token.issued_at END"
)
