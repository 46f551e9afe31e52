"""The nearest free seats instead of taken ones of a grade and kind, side by side if possible."""

from collections.abc import Sequence
from typing import NamedTuple

from concerts.services.seat_rows import row_index

ANOTHER_SECTION = 1000
ANOTHER_ROW = 3


class Spot(NamedTuple):
    """The place of a seat. ``seat_in_row`` counts the row's sold seats too."""

    number: int
    section: str
    row: str
    seat_in_row: int
    grade: str
    kind: str = "standard"


def nearest(free: Sequence[Spot], wanted: Sequence[Spot]) -> list[int]:
    """As many of ``free`` (sorted by number) as are ``wanted``, the closest block first.

    Neighbours are seats of one row with consecutive numbers.
    """
    distances = {spot.number: min(_distance(spot, each) for each in wanted) for spot in free}

    def distance(spot: Spot) -> int:
        return distances[spot.number]

    blocks = _blocks(free, len(wanted))
    if blocks:
        best = min(blocks, key=lambda block: sum(map(distance, block)))
    else:
        best = sorted(free, key=distance)[: len(wanted)]
    return sorted(spot.number for spot in best)


def _distance(one: Spot, other: Spot) -> int:
    if one.section != other.section:
        return ANOTHER_SECTION
    along = abs(one.seat_in_row - other.seat_in_row)
    if one.row == other.row:
        return along
    return ANOTHER_ROW * abs(row_index(one.row) - row_index(other.row)) + along


def _blocks(free: Sequence[Spot], size: int) -> list[Sequence[Spot]]:
    """Every run of ``size`` neighbours."""
    return [
        free[start : start + size]
        for start in range(len(free) - size + 1)
        if _are_neighbours(free[start : start + size])
    ]


def _are_neighbours(spots: Sequence[Spot]) -> bool:
    first, last = spots[0], spots[-1]
    same_row = (first.section, first.row) == (last.section, last.row)
    return same_row and last.number - first.number == len(spots) - 1
