"""The nearest free seats of the same grade instead of taken ones, side by side if possible."""

import uuid
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter
from typing import NamedTuple

from concertbook.db.arrays import array
from concertbook.db.statements import fetch_all
from concerts.services.seat_rows import row_index

ANOTHER_SECTION = 1000
ANOTHER_ROW = 3
# The number of free seats read on either side of the wanted seats of a grade, by number.
LOOK_AT = 100


class Spot(NamedTuple):
    """The place of a seat. ``seat_in_row`` counts the row's sold seats too."""

    number: int
    section: str
    row: str
    seat_in_row: int
    grade: str


def suggest_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> list[int]:
    """Numbers of free seats to take instead of these: the same count, of the same grades.

    Fewer, or none, when too few are left. They are not held: another buyer may be faster.
    """
    wanted, free = _read(schedule_id, numbers)
    suggested: list[int] = []
    for grade, alike in groupby(wanted, key=attrgetter("grade")):
        of_grade = [spot for spot in free if spot.grade == grade]
        suggested += nearest(of_grade, list(alike))
    return sorted(suggested)


def _read(schedule_id: uuid.UUID, numbers: Iterable[int]) -> tuple[list[Spot], list[Spot]]:
    """The wanted seats by grade, and free seats around them, by number. One statement.

    Not all free seats, as this runs most in a rush, and a hall may be large.
    """
    found = fetch_all(
        """
        WITH wanted AS MATERIALIZED (
            SELECT number, section, "row", seat_in_row, grade FROM concerts_seat
            WHERE schedule_id = %(schedule)s AND number = ANY(%(numbers)s::int[])
        ), middle AS (
            SELECT grade, (array_agg(number ORDER BY number))[1 + count(*) / 2] AS number
            FROM wanted GROUP BY grade
        )
        SELECT true, wanted.* FROM wanted
        UNION ALL
        SELECT false, around.* FROM middle CROSS JOIN LATERAL (
            (SELECT number, section, "row", seat_in_row, grade FROM concerts_seat
             WHERE schedule_id = %(schedule)s AND number >= middle.number
                AND grade = middle.grade AND status = 'AVAILABLE'
                AND (available_from IS NULL OR available_from <= now())
             ORDER BY number LIMIT %(most)s)
            UNION ALL
            (SELECT number, section, "row", seat_in_row, grade FROM concerts_seat
             WHERE schedule_id = %(schedule)s AND number < middle.number
                AND grade = middle.grade AND status = 'AVAILABLE'
                AND (available_from IS NULL OR available_from <= now())
             ORDER BY number DESC LIMIT %(most)s)
        ) AS around
        ORDER BY grade, number
        """,
        {"schedule": schedule_id, "numbers": array(numbers), "most": LOOK_AT},
    )
    wanted = [Spot(*columns) for is_wanted, *columns in found if is_wanted]
    free = [Spot(*columns) for is_wanted, *columns in found if not is_wanted]
    return wanted, free


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
