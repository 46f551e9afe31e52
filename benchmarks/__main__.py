"""``make bench``: hold, pay and poll over HTTP beside their yardsticks, in turns, as ratios."""

import argparse
import os
import statistics
from collections.abc import Iterator
from dataclasses import dataclass

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
os.environ.setdefault("SECRET_KEY", "only-for-measuring-on-this-machine-and-nowhere-else")
os.environ.setdefault("HTTPS", "0")


@dataclass
class Row:
    """One thing measured in turns with what it is compared to, both per second."""

    name: str
    yardstick: str
    ours: list[float]
    theirs: list[float]

    def __str__(self) -> str:
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        ratio = statistics.median(a / b for a, b in zip(self.ours, self.theirs, strict=True))
        return f"{self.name:<22}{ours:>10,.0f}  {self.yardstick:<28}{theirs:>10,.0f}{ratio:>9.2f}"


def main() -> None:
    options = arguments()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    print(f"{'ours':<22}{'per second':>10}  {'yardstick':<28}{'per second':>10}{'ratio':>9}")
    for row in measure(options):
        print(row, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of A B A B (median counts)")
    parser.add_argument("--operations", type=int, default=2000, help="requests per turn")
    parser.add_argument("--buyers", type=int, default=500)
    parser.add_argument("--seconds", type=int, default=5, help="of each run of the yardstick")
    parser.add_argument("--connections", type=int, default=16)
    return parser.parse_args()


def measure(options: argparse.Namespace) -> Iterator[Row]:
    from benchmarks.servers import web
    from benchmarks.yardstick import Yardstick

    yardstick = Yardstick(
        os.environ["DATABASE_URL"], clients=options.connections, seconds=options.seconds
    )
    with web("concertbook.wsgi:application") as port:
        with web("benchmarks.plain_django:application") as plain:
            yield polls(options, port, plain)
        yield from sale(options, port, yardstick, seats_each=1)
        yield from sale(options, port, yardstick, seats_each=4)


def sale(
    options: argparse.Namespace, port: int, yardstick: object, *, seats_each: int
) -> list[Row]:
    """Hold and pay, in seats per second, so that one and four at a time compare."""
    from benchmarks.stage import Stage

    seats = options.operations * seats_each
    stage = Stage(buyers=options.buyers, seats=seats * options.rounds)
    unit = "one seat" if seats_each == 1 else f"{seats_each} seats at once"
    hold = Row(f"hold, {unit}", "pgbench hold", [], [])
    pay = Row(f"pay, {unit}", "pgbench pay", [], [])
    for turn in range(options.rounds):
        numbers = range(1 + turn * seats, 1 + (turn + 1) * seats)
        requests = stage.holds(numbers, seats_each=seats_each)
        hold.ours.append(seats_each * answered(port, requests, 201, options))
        hold.theirs.append(yardstick.per_second("hold"))  # type: ignore[attr-defined]
        requests = stage.payments(seats_each=seats_each)
        pay.ours.append(seats_each * answered(port, requests, 201, options))
        pay.theirs.append(yardstick.per_second("pay"))  # type: ignore[attr-defined]
        stage.reopen()
    return [hold, pay]


def polls(options: argparse.Namespace, port: int, plain: int) -> Row:
    from benchmarks.load import request
    from benchmarks.stage import Stage

    stage = Stage(buyers=options.buyers, seats=1)
    row = Row("poll my place", "bare Django view + Redis", [], [])
    count = options.operations * 4
    bare = [request("GET", "/rank/", token="")] * count
    for _turn in range(options.rounds):
        row.ours.append(answered(port, stage.polls(count), 200, options))
        row.theirs.append(answered(plain, bare, 200, options))
    return row


def answered(port: int, requests: list[bytes], status: int, options: argparse.Namespace) -> float:
    """Answers per second; anything but ``status`` would be a measurement of something else."""
    from benchmarks.load import run

    result = run(port, requests, connections=options.connections)
    if set(result.statuses) != {status}:
        raise SystemExit(f"expected only {status}, got {dict(result.statuses)}")
    return result.per_second


if __name__ == "__main__":
    main()
