"""Find the seats that an operator chose for an act: on the map by their numbers, or by names in a
list."""

import re
import unicodedata
import uuid
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from concerts.names import clean_name
from concerts.services.seat_plan_document import PlannedSeat
from concerts.services.seat_plans import plan_index, present_version

# The log names each seat of an act.
MOST_SEATS = 5_000
RANGES = re.compile(r"\d{1,10}(-\d{1,10})?(,\d{1,10}(-\d{1,10})?)*")
MOST_PLANS = 4


@dataclass(frozen=True)
class Selection:
    """``numbers`` of seats, ascending; ``unknown`` are the names that no seat has."""

    numbers: Sequence[int]
    unknown: Sequence[str]


def select_seats(*, schedule_id: uuid.UUID, numbers: str = "", names: str = "") -> Selection:
    """The seats that were chosen either way.

    ``numbers`` is as "1-40,55". ``names`` are divided by commas or lines; each is a seat's label, a
    row with its section ("1층 A구역 3"), a section, a grade, or two labels of one row with "~"
    between them. Raises ValueError for other numbers, NotFound.
    """
    if numbers and RANGES.fullmatch(numbers) is None:
        raise ValueError(numbers)
    plan = plan_index(schedule_id, present_version(schedule_id))
    chosen = set(_in_ranges(numbers, plan.numbers))
    unknown = []
    for name in filter(None, map(clean_name, re.split(r"[,;\n]", names))):
        found = _named(name, _names(schedule_id, plan.version))
        if not found:
            unknown.append(name)
        chosen.update(found)
    return Selection(sorted(chosen), unknown)


def as_ranges(numbers: Sequence[int]) -> str:
    """Ascending numbers as select_seats takes them."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][-1] + 1:
            ranges[-1][1:] = [number]
        else:
            ranges.append([number])
    return ",".join("-".join(map(str, each)) for each in ranges)


def _in_ranges(text: str, numbers: Sequence[int]) -> Iterator[int]:
    for each in filter(None, text.split(",")):
        first, _dash, last = each.partition("-")
        start, end = int(first), int(last or first)
        yield from numbers[bisect_left(numbers, start) : bisect_right(numbers, end)]


_Names = dict[str, list[PlannedSeat]]


def _named(name: str, names: Sequence[_Names]) -> list[int]:
    first, tilde, last = (_key(part.strip()) for part in name.partition("~"))
    if tilde:
        return _between(names[0].get(first, []), names[0].get(last, []), names)
    found = next((each[first] for each in names if first in each), [])
    return [seat.number for seat in found]


def _between(
    first: Sequence[PlannedSeat], last: Sequence[PlannedSeat], names: Sequence[_Names]
) -> list[int]:
    if not (first and last) or first[0].name[:2] != last[0].name[:2]:
        return []
    start, end = sorted([first[0].seat_in_row, last[0].seat_in_row])
    row = names[1][_key(_row(first[0]))]
    return [seat.number for seat in row if start <= seat.seat_in_row <= end]


@lru_cache(maxsize=MOST_PLANS)
def _names(schedule_id: uuid.UUID, version: str) -> Sequence[_Names]:
    """The seats by label, by row, by section and by grade: a name is looked for in this order."""
    kinds: tuple[_Names, _Names, _Names, _Names] = ({}, {}, {}, {})
    for seat in plan_index(schedule_id, version).seats:
        of_seat = (seat.label, _row(seat), seat.section, seat.grade)
        for names, name in zip(kinds, of_seat, strict=True):
            names.setdefault(_key(name), []).append(seat)
    return kinds


def _row(seat: PlannedSeat) -> str:
    return f"{seat.section} {seat.row}".strip()


def _key(name: str) -> str:
    return unicodedata.normalize("NFKC", name).lower()
