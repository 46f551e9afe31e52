"""When a wanted seat is gone: the nearest free ones of the same grade, side by side if possible."""

import uuid
from collections.abc import Iterable, Sequence
from itertools import chain, groupby
from operator import attrgetter

from django.db.models import F, Min
from django.db.models.functions import Abs

from concerts.models import Seat, SeatQuerySet

ANOTHER_SECTION = 1000
ANOTHER_ROW = 3
# Free seats looked at for each grade, the closest by number.
LOOK_AT = 400

# Of each section and row: its place from the front, and its first seat's number.
Rows = dict[tuple[str, str], tuple[int, int]]


def suggest_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> list[int]:
    """Numbers of free seats to take instead of these, as many and of the same grades.

    Fewer, or none, when there are not enough left. Nothing is held: somebody else may be faster.
    """
    seats = Seat.objects.filter(schedule=schedule_id).only("number", "section", "row", "grade")
    wanted = list(seats.filter(number__in=list(numbers)).order_by("grade", "number"))
    by_grade = [list(alike) for _grade, alike in groupby(wanted, key=attrgetter("grade"))]
    free = [_free_around(seats, alike) for alike in by_grade]
    # Many still ask when all is sold, and then there is nothing to compare.
    if not any(free):
        return []
    rows = _rows(seats, wanted, list(chain(*free)))
    suggested: list[int] = []
    for some, alike in zip(free, by_grade, strict=True):
        suggested += nearest(some, alike, rows)
    return sorted(suggested)


def _free_around(seats: SeatQuerySet, wanted: Sequence[Seat]) -> list[Seat]:
    """The free seats of these seats' one grade that are closest by number.

    Not all: this is asked most in a rush, and a hall may be large.
    """
    middle = wanted[len(wanted) // 2]
    close = seats.free().filter(grade=middle.grade).order_by(Abs(F("number") - middle.number))
    return sorted(close[:LOOK_AT], key=attrgetter("number"))


def _rows(seats: SeatQuerySet, wanted: Iterable[Seat], free: Iterable[Seat]) -> Rows:
    """The rows that lie between wanted and free seats of one section, and those before them.

    Sold seats count as well: a row begins where it always did, and stands where it stood.
    """
    sections = {seat.section for seat in wanted}
    last = max(seat.number for seat in [*wanted, *free])
    in_play = seats.filter(section__in=sections, number__lte=last)
    firsts = in_play.values_list("section", "row").annotate(first=Min("number"))
    in_order = enumerate(firsts.order_by("section", "first"))
    return {(section, row): (index, first) for index, (section, row, first) in in_order}


def nearest(free: Sequence[Seat], wanted: Sequence[Seat], rows: Rows) -> list[int]:
    """As many of ``free`` (sorted by number) as are ``wanted``, the closest block first.

    Neighbours are seats of one row with consecutive numbers.
    """
    distances = {seat.number: min(_distance(seat, each, rows) for each in wanted) for seat in free}

    def distance(seat: Seat) -> int:
        return distances[seat.number]

    blocks = _blocks(free, len(wanted))
    if blocks:
        best = min(blocks, key=lambda block: sum(map(distance, block)))
    else:
        best = sorted(free, key=distance)[: len(wanted)]
    return sorted(seat.number for seat in best)


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
