"""When a wanted seat is gone: the nearest free ones of the same grade, side by side if possible."""

import uuid
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import attrgetter, itemgetter

from django.db.models import F
from django.db.models.functions import Abs

from concerts.models import Seat, SeatQuerySet

ANOTHER_SECTION = 1000
ANOTHER_ROW = 3
# Free seats looked at, the closest by number.
LOOK_AT = 400


def suggest_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> list[int]:
    """Numbers of free seats to take instead of these, as many and of the same grades.

    Fewer, or none, when there are not enough left. Nothing is held: somebody else may be faster.
    """
    seats = Seat.objects.filter(schedule=schedule_id).only("number", "section", "row", "grade")
    wanted = list(seats.filter(number__in=list(numbers)).order_by("grade", "number"))
    grades = {seat.grade for seat in wanted}
    free = _free_around(seats, wanted, grades)
    suggested: list[int] = []
    for grade, group in groupby(wanted, key=attrgetter("grade")):
        suggested += nearest([seat for seat in free if seat.grade == grade], list(group))
    return sorted(suggested)


def _free_around(seats: SeatQuerySet, wanted: list[Seat], grades: set[str]) -> list[Seat]:
    """The free seats closest by number: this is asked most in a rush, and a hall may be large."""
    if not wanted:
        return []
    middle = wanted[len(wanted) // 2].number
    close = seats.free().filter(grade__in=grades).order_by(Abs(F("number") - middle))
    return sorted(close[:LOOK_AT], key=attrgetter("number"))


def nearest(free: Sequence[Seat], wanted: Sequence[Seat]) -> list[int]:
    """As many of ``free`` (sorted by number) as are ``wanted``, the closest block first.

    Neighbours are seats of one row with consecutive numbers.
    """
    rows = _rows([*free, *wanted])

    def distance(seat: Seat) -> int:
        return min(_distance(seat, each, rows) for each in wanted)

    blocks = _blocks(free, len(wanted))
    if blocks:
        best = min(blocks, key=lambda block: sum(map(distance, block)))
    else:
        best = sorted(free, key=distance)[: len(wanted)]
    return sorted(seat.number for seat in best)


Rows = dict[tuple[str, str], tuple[int, int]]


def _rows(seats: Iterable[Seat]) -> Rows:
    """Each row's place from the front, and its first seat's number."""
    first = {(seat.section, seat.row): seat.number for seat in sorted(seats, key=_backwards)}
    in_order = sorted(first.items(), key=itemgetter(1))
    return {row: (index, number) for index, (row, number) in enumerate(in_order)}


def _backwards(seat: Seat) -> int:
    return -seat.number


def _distance(one: Seat, other: Seat, rows: Rows) -> int:
    if one.section != other.section:
        return ANOTHER_SECTION
    (row, first), (other_row, other_first) = (rows[seat.section, seat.row] for seat in (one, other))
    along = abs((one.number - first) - (other.number - other_first))
    return ANOTHER_ROW * abs(row - other_row) + along


def _blocks(free: Sequence[Seat], size: int) -> list[Sequence[Seat]]:
    """Every run of ``size`` neighbours."""
    return [
        free[start : start + size]
        for start in range(len(free) - size + 1)
        if _are_neighbours(free[start : start + size])
    ]


def _are_neighbours(seats: Sequence[Seat]) -> bool:
    first, last = seats[0], seats[-1]
    same_row = (first.section, first.row) == (last.section, last.row)
    return same_row and last.number - first.number == len(seats) - 1
