"""The waiting room under load: polls, joins, ticks, the index, and the polls it asks for."""

import time
import uuid
from argparse import Namespace
from collections.abc import Callable, Iterator

import redis
from django.conf import settings
from django.db import connection
from django.db.models import F
from django.utils import timezone

from benchmarks import bulk_users
from benchmarks.curve import poll_curve
from benchmarks.load import http_request, prepared
from benchmarks.rows import Fact, Row, answered, in_ms
from loadkit.servers import web
from operations.load import api_requests
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, index_build

PLAIN = "bare Django view + Redis"
INSERT = "bare Django view + INSERT"
TICK = 1000
TICKS = 10
# Polls of one kind in a turn, as a multiple of its operations.
POLLS = 4
FEW = 1000
WARM_UP = 200


def measure(options: Namespace) -> Iterator[Row | Fact]:
    hall = Hall(options)
    yield from hall.lengthen()
    yield from poll_curve(options.waiting)
    with (
        web("concertbook.wsgi:application") as ours,
        web("benchmarks.plain_django:application") as plain,
    ):
        warm_up(hall, ours, plain, options)
        yield from polls(hall, ours, plain, options)
        yield from joins(hall, ours, plain, options)
    yield from ticks(hall.longest)


class Hall:
    """Rooms with lines of several lengths. They are paused: nothing moves but what is measured."""

    def __init__(self, options: Namespace) -> None:
        self.waiting = options.waiting
        self.newcomers = iter(range(options.waiting, 10 * options.waiting + 1_000_000))
        self.short, self.empty = open_room(), open_room()
        self.medium, self.longest = open_room(), open_room()
        self.unhindered = open_room(capacity=1_000_000, state=WaitingRoom.State.OPEN)

    def lengthen(self) -> Iterator[Fact]:
        bulk_users.enroll(range(self.waiting))
        bulk_users.line_up(self.short, range(FEW))
        bulk_users.line_up(self.medium, range(self.waiting // 10))
        bulk_users.line_up(self.longest, range(self.waiting))
        bulk_users.analyze()
        for room in (self.short, self.empty, self.medium, self.unhindered):
            index_build.build(room)
        yield from index_facts(self.longest, self.waiting)

    def tick(self) -> None:
        """As beat would, so that no index is given up for lost."""
        admission.admit_waiting()

    def take_newcomers(self, count: int) -> list[int]:
        """People who wait nowhere yet."""
        numbers = [next(self.newcomers) for _ in range(count)]
        bulk_users.enroll(range(numbers[0], numbers[-1] + 1))
        return numbers


def open_room(
    *, capacity: int = 1, state: WaitingRoom.State = WaitingRoom.State.PAUSED
) -> WaitingRoom:
    slug = f"benchmark-{uuid.uuid4().hex[:8]}"
    return WaitingRoom.objects.create(
        title="Benchmark",
        slug=slug,
        state=state,
        capacity=capacity,
        admit_per_minute=2_000_000_000,
        active_seconds=86_400,
    )


def warm_up(hall: Hall, ours: int, plain: int, options: Namespace) -> None:
    """Let every thread open its connections before anything is measured."""
    _make_table_for_bare_rows()
    newcomers = hall.take_newcomers(WARM_UP)
    answered(plain, [http_request("GET", "/rank/")] * WARM_UP, 200, options)
    answered(plain, [http_request("POST", "/row/")] * WARM_UP, 201, options)
    answered(ours, _joins(hall.medium, newcomers), 201, options)
    answered(ours, polls_of(hall.short, FEW, WARM_UP, bulk_users.access_tokens), 200, options)


# --- The index -----------------------------------------------------------------------------------


def index_facts(room: WaitingRoom, waiting: int) -> Iterator[Fact]:
    before = _megabytes_of_redis()
    started = time.perf_counter()
    index_build.build(room)
    seconds = time.perf_counter() - started
    megabytes = _megabytes_of_redis() - before
    yield Fact(f"index of {waiting:,} built in", f"{seconds:.1f} s", "below 30 s at 1,000,000")
    yield Fact(f"index of {waiting:,} takes", f"{megabytes:,.0f} MB of Redis")


def _megabytes_of_redis() -> float:
    return float(redis.Redis.from_url(settings.REDIS_URL).info("memory")["used_memory"]) / 1e6


# --- Polls ---------------------------------------------------------------------------------------


def polls(hall: Hall, ours: int, plain: int, options: Namespace) -> Iterator[Row]:
    """By a credential that the server has seen, or, as most are in a long line, by a new one."""
    count = options.operations * POLLS
    bare = [http_request("GET", "/rank/")] * count
    kinds = _kinds_of_polls(hall, count)
    rows = {name: Row(name, PLAIN) for name in kinds}
    for _turn in range(options.rounds):
        hall.tick()
        for name, prepare in kinds.items():
            requests = prepare()
            rows[name].ours.append(answered(ours, requests, 200, options))
            rows[name].theirs.append(answered(plain, bare, 200, options))
    yield from rows.values()
    by_length = list(rows.values())[:2]
    yield Row("poll, the longest line", "the same with 1,000", by_length[1].ours, by_length[0].ours)


def _kinds_of_polls(hall: Hall, count: int) -> dict[str, Callable[[], list[bytes]]]:
    known = {
        f"poll, {FEW:,} waiting": polls_of(hall.short, FEW, FEW, bulk_users.access_tokens),
        f"poll, {hall.waiting:,} waiting": polls_of(
            hall.longest, hall.waiting, FEW, bulk_users.access_tokens
        ),
        f"poll by cookie, {hall.waiting:,} waiting": polls_of(
            hall.longest, hall.waiting, FEW, bulk_users.cookies
        ),
    }

    def repeat(requests: list[bytes]) -> Callable[[], list[bytes]]:
        return lambda: [requests[turn % len(requests)] for turn in range(count)]

    def anew(credentials: Callable[[list[int]], list[str]]) -> Callable[[], list[bytes]]:
        return lambda: polls_of(hall.longest, hall.waiting, count, credentials)

    return {
        **{name: repeat(requests) for name, requests in known.items()},
        f"first poll, {hall.waiting:,} waiting": anew(bulk_users.access_tokens),
        f"first poll by cookie, {hall.waiting:,} waiting": anew(bulk_users.cookies),
    }


def polls_of(
    room: WaitingRoom, waiting: int, count: int, credentials: Callable[[list[int]], list[str]]
) -> list[bytes]:
    """Polls of ``count`` people from all over the line, each with a credential of their own."""
    numbers = list(range(0, waiting, max(1, waiting // count)))[:count]
    people = {bulk_users.user_id(number): number for number in numbers}
    tokens = QueueToken.objects.filter(room=room, user__in=people).values_list("user_id", "token")
    token_of = {people[user]: token for user, token in tokens}
    return [
        _poll(token_of[number], shown)
        for number, shown in zip(numbers, credentials(numbers), strict=True)
    ]


def _poll(token: uuid.UUID, shown: str) -> bytes:
    poll = api_requests.poll(str(token))
    return prepared(poll, cookie=shown) if ";" in shown else prepared(poll, shown)


# --- Joins ---------------------------------------------------------------------------------------


def joins(hall: Hall, ours: int, plain: int, options: Namespace) -> Iterator[Row]:
    bare = [http_request("POST", "/row/")] * options.operations
    rooms = {
        "join, empty line": hall.empty,
        f"join, {hall.waiting // 10:,} waiting": hall.medium,
        f"join, {hall.waiting:,} waiting": hall.longest,
        "join, admitted immediately": hall.unhindered,
    }
    rows = {name: Row(name, INSERT) for name in rooms}
    for _turn in range(options.rounds):
        hall.tick()
        for name, room in rooms.items():
            requests = _joins(room, hall.take_newcomers(options.operations))
            rows[name].ours.append(answered(ours, requests, 201, options))
            rows[name].theirs.append(answered(plain, bare, 201, options))
    yield from rows.values()
    shortest, _medium, longest, _inside = rows.values()
    yield Row("join, the longest line", "the same, empty line", longest.ours, shortest.ours)


def _joins(room: WaitingRoom, numbers: list[int]) -> list[bytes]:
    join = api_requests.join(room.slug)
    return [prepared(join, access) for access in bulk_users.access_tokens(numbers)]


def _make_table_for_bare_rows() -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA IF NOT EXISTS benchmark")
        cursor.execute(
            """
            CREATE TABLE IF NOT EXISTS benchmark.joined (
                token uuid PRIMARY KEY, user_id uuid NOT NULL, room_id bigint NOT NULL,
                position bigint NOT NULL, status varchar(7) NOT NULL,
                issued_at timestamptz NOT NULL, last_request_at timestamptz NOT NULL)
            """
        )


# --- Ticks ---------------------------------------------------------------------------------------


def ticks(room: WaitingRoom) -> Iterator[Fact]:
    WaitingRoom.objects.filter(pk=room.pk).update(state=WaitingRoom.State.OPEN, capacity=TICK)
    admission.admit(room_id=room.pk)
    goal = "below 200 ms"
    letting_in = [_tick(room, _make_room) for _ in range(TICKS)]
    yield Fact(f"tick: {TICK:,} go in", in_ms(letting_in), goal)
    both = [_tick(room, _end_admissions) for _ in range(TICKS)]
    yield Fact(f"tick: {TICK:,} go in, {TICK:,} out", in_ms(both), goal)


def _tick(room: WaitingRoom, prepare: Callable[[WaitingRoom], None]) -> float:
    prepare(room)
    started = time.perf_counter()
    admitted = admission.admit(room_id=room.pk)
    seconds = time.perf_counter() - started
    if admitted != TICK:
        raise SystemExit(f"a tick let in {admitted}, not {TICK}")
    return seconds


def _make_room(room: WaitingRoom) -> None:
    WaitingRoom.objects.filter(pk=room.pk).update(capacity=F("capacity") + TICK)


def _end_admissions(room: WaitingRoom) -> None:
    inside = QueueToken.objects.active().filter(room=room).order_by("position")
    oldest = list(inside.values_list("pk", flat=True)[:TICK])
    QueueToken.objects.filter(pk__in=oldest).update(expires_at=timezone.now())
