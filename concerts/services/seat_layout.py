"""Where the seats of a hall are on its plan, computed from sections, rows and numbers of seats.

Operators enter no coordinates. The plan is a sketch: the stage is centred on x = 0 in front of
y = 0, and y grows away from it. Neighbours in a row are SEAT apart, rows ROW apart. The order of
sections, and of rows in a section, is that of their first seats by number.
"""

import math
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

SEAT = 10
ROW = 12
# Between sections side by side, and between those behind each other.
AISLE = 2 * SEAT
CROSS_AISLE = 2 * ROW
# A longer row is folded: drawn as several lines.
MOST_IN_A_LINE = 100
# The distance, in seats, of two neighbours with a gap in their numbers; a number of 4 digits that
# an operator gave to one seat must not stretch the hall.
WIDEST_GAP = 3
# Width to height that most screens can show.
WANTED_SHAPE = 1.5
MOST_TIERS = 20
FLOOR = re.compile(r"(B?\d+) ?(층|F\b)")


class Name(NamedTuple):
    """A seat's position in words."""

    section: str
    row: str
    seat_in_row: int


class Point(NamedTuple):
    x: int
    y: int


class Box(NamedTuple):
    """``x``, ``y`` is the corner that is nearest to the stage, on the left."""

    x: int
    y: int
    width: int
    height: int


@dataclass(frozen=True)
class Layout:
    """The seats' centres in the order given, and each section's outline by its name."""

    points: list[Point]
    sections: dict[str, Box]


@dataclass
class _Line:
    """Seats beside each other, by their index; offsets in seats from the line's first one."""

    seats: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)

    @property
    def width(self) -> int:
        return SEAT * self.offsets[-1]


@dataclass(frozen=True)
class _Section:
    name: str
    lines: list[_Line]

    @property
    def width(self) -> int:
        return max(line.width for line in self.lines) + SEAT

    @property
    def height(self) -> int:
        return ROW * len(self.lines)

    @property
    def floor(self) -> str:
        found = FLOOR.match(self.name)
        return found[1] if found else ""


Tier = list[_Section]


def lay_out(names: Sequence[Name]) -> Layout:
    """A layout of the seats, ordered by number. The same seats always get the same one."""
    layout = Layout([Point(0, 0)] * len(names), {})
    front = 0
    for tier in _tiers(_sections(names)):
        left = -_tier_width(tier) // 2
        for section in tier:
            _lay_out(section, layout, left, front)
            left += section.width + AISLE
        front += _tier_height(tier) + CROSS_AISLE
    return layout


def _lay_out(section: _Section, layout: Layout, left: int, front: int) -> None:
    """The rows of a section one behind the other, each centred in it."""
    layout.sections[section.name] = Box(left, front, section.width, section.height)
    for number, line in enumerate(section.lines):
        x = left + (section.width - line.width) // 2
        y = front + ROW * number + ROW // 2
        for seat, offset in zip(line.seats, line.offsets, strict=True):
            layout.points[seat] = Point(x + SEAT * offset, y)


def _sections(names: Sequence[Name]) -> list[_Section]:
    rows: dict[str, dict[str, list[int]]] = {}
    for index, name in enumerate(names):
        rows.setdefault(name.section, {}).setdefault(name.row, []).append(index)
    return [
        _Section(section, [line for seats in of_section.values() for line in _lines(seats, names)])
        for section, of_section in rows.items()
    ]


def _lines(seats: Iterable[int], names: Sequence[Name]) -> list[_Line]:
    """A row as lines. Gaps in the numbers of its seats are aisles; in a row of odd numbers there
    is none between 1 and 3."""
    ordered = sorted(seats, key=lambda seat: names[seat].seat_in_row)
    numbers = [names[seat].seat_in_row for seat in ordered]
    step = min((after - before for before, after in pairwise(numbers)), default=1)
    lines = [_Line([ordered[0]], [0])]
    for seat, (before, after) in zip(ordered[1:], pairwise(numbers), strict=True):
        offset = lines[-1].offsets[-1] + min(math.ceil((after - before) / step), WIDEST_GAP)
        if offset >= MOST_IN_A_LINE:
            lines.append(_Line())
            offset = 0
        lines[-1].seats.append(seat)
        lines[-1].offsets.append(offset)
    return lines


def _tiers(sections: list[_Section]) -> list[Tier]:
    """Sections side by side and behind each other, so that the hall has about WANTED_SHAPE."""
    total = sum(section.width for section in sections)
    widest = max((section.width for section in sections), default=0)
    limits = [max(widest, total / parts) for parts in range(1, MOST_TIERS + 1)]
    return min((list(_filled(sections, limit)) for limit in limits), key=_misshape)


def _filled(sections: Iterable[_Section], limit: float) -> Iterator[Tier]:
    """Tiers of sections in their order, none wider than ``limit`` or of two floors."""
    tier: Tier = []
    width = 0
    for section in sections:
        if tier and (width + section.width > limit or section.floor != tier[0].floor):
            yield tier
            tier, width = [], 0
        tier.append(section)
        width += section.width
    if tier:
        yield tier


def _misshape(tiers: Sequence[Tier]) -> float:
    if not tiers:
        return 0
    width = max(map(_tier_width, tiers))
    height = sum(map(_tier_height, tiers)) + CROSS_AISLE * (len(tiers) - 1)
    return abs(math.log(width / height / WANTED_SHAPE))


def _tier_width(tier: Tier) -> int:
    return sum(section.width for section in tier) + AISLE * (len(tier) - 1)


def _tier_height(tier: Tier) -> int:
    return max(section.height for section in tier)
