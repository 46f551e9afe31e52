"""Rows of seats: their letters, the labels of their seats, and their counts."""

import re
from dataclasses import dataclass

from django.db.models import Count, Min, Q

from concerts.models import ConcertSchedule


def row_index(row: str) -> int:
    """0 for A, 25 for Z, 26 for AA; -1 for a name that the generator never creates."""
    if not re.fullmatch("[A-Za-z]{1,3}", row):
        return -1
    index = 0
    for letter in row.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def row_letters(index: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


def usual_label(section: str, row: str, seat_in_row: int) -> str:
    """The label of a generated seat."""
    return f"{section} {row}-{seat_in_row}".strip()


@dataclass(frozen=True)
class Row:
    """One row of seats: the number of seats, of seats that were ever held, and the lowest price."""

    section: str
    row: str
    seats: int
    had: int
    price: int


def rows_of(schedule: ConcertSchedule) -> list[Row]:
    """The schedule's rows, in the order of their numbers."""
    rows = schedule.seats.order_by().values("section", "row")
    rows = rows.annotate(
        first=Min("number"),
        seats=Count("pk"),
        had=Count("pk", filter=Q(version__gt=0)),
        price=Min("price"),
    )
    return [
        Row(row["section"], row["row"], row["seats"], row["had"], row["price"])
        for row in rows.order_by("first")
    ]
