"""Kill, stop and flush what a box office is made of, under load, and judge what is left.

Every round has a fresh sale and buyers whose every request and answer is recorded; one fault
strikes; when all is well again the record is set against the database. Exits 1 after any violation,
printing the round's seed and the piece of the record that shows it.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from faults.system import System, running_system

if TYPE_CHECKING:
    from faults.nemesis import Fault
    from faults.rounds import Round

WIDTH = 58


def main() -> int:
    options = arguments()
    with running_system() as system:
        rounds: list[Round] = []
        try:
            rounds.extend(played(system, options))
        finally:
            print(table(rounds))
    return int(any(each.violations for each in rounds))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--rounds", type=int, help="how many; by default each fault once")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="end after so many")
    parser.add_argument("--seed", type=int, default=1, help="of the first round")
    parser.add_argument("--fault", default="", help="only those whose name has this in it")
    return parser.parse_args()


def played(system: System, options: argparse.Namespace) -> "Iterator[Round]":
    from faults.nemesis import FAULTS
    from faults.rounds import play

    faults = [fault for fault in FAULTS if options.fault.lower() in fault.name.lower()]
    if not faults:
        sys.exit(f"No fault is called {options.fault}; there are:\n" + names(FAULTS))
    until = time.monotonic() + 60 * options.minutes
    for number in range(options.rounds or len(faults)):
        if time.monotonic() > until:
            break
        fault = faults[number % len(faults)]
        result = play(system, fault, options.seed + number)
        print(line(number + 1, result), flush=True)
        for violation in result.violations:
            print(f"  {violation}", flush=True)
        yield result


def names(faults: "Sequence[Fault]") -> str:
    return "\n".join(fault.name for fault in faults)


def line(number: int, result: "Round") -> str:
    operations = result.operations
    unknown = sum(each.unknown for each in operations)
    recovery = "" if result.recovery is None else f", well again after {result.recovery:.1f} s"
    return (
        f"{number:>4}  {result.fault:<{WIDTH}} seed {result.seed}: {len(operations):,} operations,"
        f" {unknown} unanswered or 503{recovery}, {len(result.violations)} violations"
        f"  ({result.seconds:.1f} s)"
    )


def table(rounds: "Sequence[Round]") -> str:
    head = (
        "| fault | rounds | operations | without an answer | 503 | violations |"
        " recovery: median | worst |"
    )
    by_fault: dict[str, list[Round]] = {}
    for each in rounds:
        by_fault.setdefault(each.fault, []).append(each)
    rows = [row(name, some) for name, some in by_fault.items()]
    return "\n".join(["", head, "|---|---|---|---|---|---|---|---|", *rows, row("all", rounds)])


def row(name: str, rounds: "Sequence[Round]") -> str:
    operations = [each for result in rounds for each in result.operations]
    silent = sum(each.status == 0 for each in operations)
    away = sum(each.status == 503 for each in operations)
    violations = sum(len(each.violations) for each in rounds)
    times = [each.recovery for each in rounds if each.recovery is not None]
    median, worst = (f"{of(times):.1f} s" if times else "–" for of in (statistics.median, max))
    cells = [name, len(rounds), f"{len(operations):,}", silent, away, violations, median, worst]
    return f"| {' | '.join(map(str, cells))} |"


if __name__ == "__main__":
    sys.exit(main())
