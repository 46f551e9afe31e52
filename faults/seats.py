"""``make seats``: keep pictures of the seats beside the table, while buyers buy.

Each buyer keeps a picture of the seats from plan, states and changes, and looks at it after each
commit of its own, which it must find there. Redis is flushed, killed, restarted and restored
meanwhile, and an operator edits seats. Every few seconds all stop for a moment: then no picture may
differ from the table. Exits 1 after any difference, printing each.
"""

import argparse
import random
import sys
import time
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from faults.system import System, running_system

if TYPE_CHECKING:
    from faults.scene import Scene
    from faults.seat_buyers import Population, SeatBuyer

ENVIRONMENT = {"FAULTS_HOLD_SECONDS": "20", "FAULTS_GIVEN_UP_PER_HOUR": "1000000"}
# After so long the next look rebuilds the snapshot (concerts.seat_index.looks).
SETTLES_WITHIN = 1.5
QUIET_WITHIN = 60.0
MOST_PRINTED = 20


def main() -> int:
    options = arguments()
    with running_system(**ENVIRONMENT) as system:
        wrong = run(system, options)
    print(f"{len(wrong)} differences")
    return int(bool(wrong))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults.seats", description=__doc__)
    parser.add_argument("--seconds", type=float, default=600.0, help="of the whole run")
    parser.add_argument(
        "--work", type=float, default=11.0, help="seconds between two quiet moments"
    )
    parser.add_argument("--buyers", type=int, default=64)
    parser.add_argument("--seats", type=int, default=400)
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def run(system: System, options: argparse.Namespace) -> list[str]:
    """Everything that was wrong."""
    from faults.scene import Scene
    from faults.seat_buyers import TERMS, Population
    from operations.load.fixtures import create_sale

    buyers = options.buyers
    sale = create_sale(buyers=buyers, seats=options.seats, capacity=buyers, terms=TERMS)
    population = Population(sale, system.port, seed=options.seed)
    scene = Scene(system, sale, population, quiet_room=0)
    population.start()
    told = 0
    until = time.monotonic() + options.seconds
    for number, fault in enumerate(faults()):
        if time.monotonic() > until:
            break
        scene.go_on(options.work / 2)
        fault(scene)
        scene.go_on(options.work / 2)
        compare(population)
        print(line(number + 1, fault, population), flush=True)
        for each in population.wrong[told:][:MOST_PRINTED]:
            print(f"  {each}", flush=True)
        told = len(population.wrong)
    population.finish(60)
    return population.wrong


def faults() -> "Iterator[Callable[[Scene], None]]":
    from faults import nemesis

    while True:
        yield nothing
        yield nemesis.redis_flushed
        yield edit_seats
        yield nemesis.redis_killed
        yield nemesis.redis_restarted
        yield nemesis.redis_restored_from_an_old_snapshot


def nothing(scene: "Scene") -> None:
    """Only the buyers do."""


def edit_seats(scene: "Scene") -> None:
    """An operator edits some seats: another plan."""
    from concerts.errors import SeatTaken
    from concerts.models import Seat
    from concerts.services.seat_editing import SeatDetails, edit_seat

    for seat in Seat.objects.filter(schedule=scene.sale.schedule_id).order_by("?")[:5]:
        grade = random.choice("RSA")
        try:
            edit_seat(
                seat_id=seat.pk, details=SeatDetails(seat.label, seat.section, grade, seat.price)
            )
        except SeatTaken:
            continue


@dataclass(frozen=True)
class Table:
    """The digit of each seat as buyers are to see it, and the seats that each user holds."""

    states: dict[int, str]
    holders: dict[str, list[int]]


def compare(population: "Population") -> None:
    """Every picture with the table, at a moment when nothing happens."""
    from operations.load.seat_picture import differing

    with population.quiet():
        table = settled(population)
        for buyer in population.watchers:
            user = buyer.account.user_id
            held, shown = table.holders.get(user, []), buyer.picture.my_numbers
            found = [
                f"state of {each}" for each in differing(buyer.picture.by_number, table.states)
            ]
            found += [f"changes of {each}" for each in differing(buyer.shown, table.states)]
            found += [f"holds {held}, shown {shown}"] if shown != held else []
            population.wrong += [f"when quiet, user {user[:8]}: {each}" for each in found]


def settled(population: "Population") -> Table:
    """The table, after all buyers have looked; nothing changed since a snapshot's age before.

    Holds and cooldowns end by themselves. Raises TimeoutError.
    """
    deadline = time.monotonic() + QUIET_WITHIN
    while time.monotonic() < deadline:
        before = read_table(population.sale.schedule_id)
        time.sleep(SETTLES_WITHIN)
        # Builds a snapshot; while one builds, others are shown the one before.
        look(population.watchers[0])
        with ThreadPoolExecutor(16) as threads:
            has_looked = list(threads.map(look, population.watchers))
        after = read_table(population.sale.schedule_id)
        if before == after and all(has_looked):
            return after
    raise TimeoutError(f"not quiet within {QUIET_WITHIN:g} s: {has_looked.count(False)} not looked")


def read_table(schedule_id: uuid.UUID) -> Table:
    from concerts.models import Seat
    from operations.load.seat_picture import DIGITS, OFFER

    states, holders = {}, defaultdict(list)
    seats = Seat.objects.filter(schedule=schedule_id).with_offer().order_by("number")
    for number, offer, holder in seats.values_list(*OFFER, "held_by"):
        states[number] = DIGITS[offer]
        if holder:
            holders[str(holder)].append(number)
    return Table(states, dict(holders))


def look(buyer: "SeatBuyer") -> bool:
    """Whether both pictures of the buyer are new."""
    from_scratch = buyer.random.random() < 0.2
    return buyer.enter() and buyer.look(from_scratch=from_scratch) and buyer.look_at_changes()


def line(number: int, fault: "Callable[[Scene], None]", population: "Population") -> str:
    """What happened since the last line, which is forgotten then."""
    done, population.recorder.operations[:] = list(population.recorder.operations), []
    for each in done:
        if each.status >= 500 and not each.retry_after:
            population.wrong.append(f"an answer of {each.status}: {each}")
    answers = Counter(f"{each.kind} {each.status} {each.code}".strip() for each in done)
    common = ", ".join(f"{count} x {answer}" for answer, count in answers.most_common())
    return (
        f"{number:>4}  {fault.__name__}: {population.commits:,} commits, {population.looks:,}"
        f" looks so far, {len(population.wrong)} differences; now {common}"
    )


if __name__ == "__main__":
    sys.exit(main())
