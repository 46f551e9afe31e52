"""``make bench``: measure in turns with a yardstick, and print the ratios.

sale (hold and pay over HTTP, the sweep; the default), line (the waiting room with a million people
in it), reads (pages, seat maps and refusals), pages (whole purchases through the pages), opening
(thousands of browsers open the concert page at once and join), logins (polls and holds while many
log in), mail (messages from the queue to a mail server), or simulation (a million people come for
tickets, on the real rules and a clock of its own).
"""

import argparse
import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import django

from loadkit.environment import LOCAL, NO_RATE_LIMITS

if TYPE_CHECKING:
    from benchmarks.rows import Fact, Row

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
for name, value in {**LOCAL, **NO_RATE_LIMITS}.items():
    os.environ.setdefault(name, value)


def main() -> None:
    options = arguments()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    for line in measure(options):
        print(line, flush=True)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    kinds = ["sale", "line", "reads", "pages", "opening", "logins", "mail", "admin", "simulation"]
    parser.add_argument("what", nargs="?", choices=kinds, default="sale")
    parser.add_argument("--rounds", type=int, default=3, help="turns of A B A B (median counts)")
    parser.add_argument("--operations", type=int, default=2000, help="requests per turn")
    parser.add_argument("--buyers", type=int, default=500, help="sale: people inside")
    parser.add_argument("--seconds", type=int, default=5, help="of each run of pgbench or storm")
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--waiting", type=int, default=1_000_000, help="line: the longest line")
    parser.add_argument(
        "--storm", type=int, nargs="+", default=[30, 120], help="logins: so many people at once"
    )
    parser.add_argument("--browsers", type=int, default=10_000, help="opening: how many come")
    parser.add_argument(
        "--within", type=int, default=10, help="opening: seconds in which they come"
    )
    parser.add_argument("--people", type=int, default=1_000_000, help="simulation: how many come")
    parser.add_argument("--rows", type=int, default=1_000_000, help="admin: in each large table")
    parser.add_argument("--seed", type=int, default=1, help="simulation: of all chance")
    parser.add_argument(
        "--one-by-one",
        action="store_true",
        help="simulation: each person by the services themselves, for some ten thousand people",
    )
    parser.add_argument(
        "--watch-front",
        action="store_true",
        help="simulation: all watch the front of the line, and poll as a sign of life only",
    )
    return parser.parse_args()


def measure(options: argparse.Namespace) -> "Iterator[Row | Fact | str]":
    if options.what == "simulation":
        from benchmarks.simulation.simulation import report

        yield from report(options)
        return
    from benchmarks.rows import HEAD

    yield HEAD
    from benchmarks import admin, logins, mail, opening, pages, reads, sale, waiting

    kinds = {
        "sale": sale.measure,
        "line": waiting.measure,
        "reads": reads.measure,
        "pages": pages.measure,
        "opening": opening.measure,
        "logins": logins.measure,
        "mail": mail.measure,
        "admin": admin.measure,
    }
    yield from kinds[options.what](options)


if __name__ == "__main__":
    main()
