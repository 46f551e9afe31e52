"""Many who log in: how many get in, and how long polls and holds take meanwhile."""

import statistics
import time
from argparse import Namespace
from collections import defaultdict
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle, islice, takewhile

from django.contrib.auth.hashers import Argon2PasswordHasher, make_password

from benchmarks import bulk_users
from benchmarks.fixtures import PreparedSale
from benchmarks.load import Load, Result, prepared, run, run_loads
from benchmarks.rows import Fact, Row, require_status
from benchmarks.waiting import FEW, open_room, polls_of
from loadkit.servers import WORKERS, web
from operations.load.api_requests import Request
from queueing.services import admission, index_build

ACCOUNTS = 500
PASSWORD = "as good as any other"
# The buyers ask for far less than the server can answer: so many, each so often (in seconds).
BUYERS = 8
EVERY = 0.05
# Of Argon2 alone, a turn.
HASHES = 100


def measure(options: Namespace) -> Iterator[Row | Fact]:
    hashed = make_password(PASSWORD)
    log_ins = enroll(hashed)
    buyers = Buyers(options)
    with web("concertbook.wsgi:application") as port:
        warm_up(port, log_ins, buyers, options)
        yield from log_ins_per_second(port, log_ins, hashed, options)
        yield from slowdowns(port, log_ins, buyers, options)


def enroll(hashed: str) -> list[bytes]:
    """One log-in of each of many accounts."""
    numbers = range(FEW, FEW + ACCOUNTS)
    bulk_users.enroll(numbers, password=hashed)
    bodies = [{"email": bulk_users.email(number), "password": PASSWORD} for number in numbers]
    return [prepared(Request("log in", "POST", "auth/login/", body)) for body in bodies]


class Buyers:
    """People who poll their place in a line, and others who hold seats."""

    def __init__(self, options: Namespace) -> None:
        self.count = int(options.seconds * BUYERS / EVERY)
        self.room = open_room()
        bulk_users.enroll(range(FEW))
        bulk_users.line_up(self.room, range(FEW))
        index_build.build(self.room)
        self.polls = polls_of(self.room, FEW, FEW, bulk_users.access_tokens)
        seats = self.count * (1 + options.rounds * (1 + len(options.storm)))
        self.sale = PreparedSale(buyers=options.buyers, seats=seats)
        self.numbers = iter(range(1, seats + 1))

    def act(self) -> Iterator[tuple[str, list[bytes], int]]:
        """Each kind of request in turn: its name, the requests and the status they get.

        There are as many requests as are due within the time of one measurement.
        """
        # As beat would, so that the line's index is not given up for lost.
        admission.admit_waiting()
        yield "poll", list(islice(cycle(self.polls), self.count)), 200
        yield "hold", self.sale.holds(list(islice(self.numbers, self.count)), seats_each=1), 201


def warm_up(port: int, log_ins: list[bytes], buyers: Buyers, options: Namespace) -> None:
    """Let every thread open its connection, and prepare its statements, before it is measured."""
    most = max(options.storm)
    require_status(run(port, log_ins[: 2 * most], connections=most), 200)
    for _name, requests, status in buyers.act():
        require_status(run(port, requests, connections=options.connections), status)


# --- Log-ins -------------------------------------------------------------------------------------


def log_ins_per_second(
    port: int, log_ins: list[bytes], hashed: str, options: Namespace
) -> list[Row]:
    rows = {people: Row(f"log-ins, {people} at once", "Argon2 alone") for people in options.storm}
    for _turn in range(options.rounds):
        for people, row in rows.items():
            result = run(port, within(options.seconds, cycle(log_ins)), connections=people)
            require_status(result, 200)
            row.ours.append(result.per_second)
            row.theirs.append(argon2_per_second(hashed))
    return list(rows.values())


def argon2_per_second(hashed: str) -> float:
    """The same hash, verified on as many threads as the server has processes."""
    hasher = Argon2PasswordHasher()
    started = time.perf_counter()
    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(lambda _: hasher.verify(PASSWORD, hashed), range(HASHES)))
    return HASHES / (time.perf_counter() - started)


def within(seconds: float, requests: Iterable[bytes]) -> Iterator[bytes]:
    """No more of them once so much time has passed."""
    end = time.perf_counter() + seconds
    return takewhile(lambda _: time.perf_counter() < end, requests)


# --- What others notice --------------------------------------------------------------------------


def slowdowns(
    port: int, log_ins: list[bytes], buyers: Buyers, options: Namespace
) -> Iterator[Fact]:
    """In turns without a storm and with each."""
    results: dict[tuple[str, int], list[Result]] = defaultdict(list)
    for _turn in range(options.rounds):
        for people in (0, *options.storm):
            for name, requests, status in buyers.act():
                measured = Load(within(options.seconds, requests), BUYERS, EVERY)
                storm = Load(within(options.seconds, cycle(log_ins)), people)
                run_loads(port, [storm, measured])
                require_status(measured.result, status)
                if people:
                    require_status(storm.result, 200)
                results[name, people].append(measured.result)
    for name, people in results:
        if people:
            yield slowdown(f"{name}, {people} log in", results[name, people], results[name, 0])


def slowdown(name: str, stormy: list[Result], calm: list[Result]) -> Fact:
    """Medians of all turns."""
    told = []
    for percent in (50, 99):
        ours = [result.percentile(percent) for result in stormy]
        theirs = [result.percentile(percent) for result in calm]
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        told.append(
            f"p{percent} {1000 * statistics.median(ours):,.1f} ms,"
            f" without {1000 * statistics.median(theirs):,.1f} ms, ratio {ratio:,.1f}"
        )
    return Fact(name, "; ".join(told))
