"""The seats of a date as a table: written as CSV, and read from CSV, from another date or from an
earlier version of the seat plan.

A row is a seat's place (section, row and number in the row), its label, grade, price in won, and
kind. Without a label it has the usual one, without a kind it is standard.
"""

import csv
import io
import json
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from concertbook.http.spreadsheets import quoted
from concerts.models import Seat
from concerts.names import clean_name
from concerts.services.seat_plan_document import PlannedSeat, seats_of
from concerts.services.seat_plans import plan_index, present_version, saved_plan
from concerts.services.seat_rows import usual_label

COLUMNS = ("section", "row", "seat_in_row", "label", "grade", "price", "kind")
MOST_ROWS = 20_000
# Of the model's columns.
LONGEST = {"section": 20, "row": 10, "label": 20, "grade": 20}
HIGHEST = {"seat_in_row": 9_999, "price": 1_000_000_000}


@dataclass(frozen=True)
class TableRow:
    section: str
    row: str
    seat_in_row: int
    label: str
    grade: str
    price: int
    kind: str

    @property
    def name(self) -> tuple[str, str, int]:
        return self.section, self.row, self.seat_in_row


@dataclass(frozen=True)
class BadRow:
    """``line`` is that of the file, from 1."""

    line: int
    why: str


@dataclass(frozen=True)
class Table:
    rows: Sequence[TableRow]
    bad: Sequence[BadRow] = ()


def table_of_date(schedule_id: uuid.UUID) -> Table:
    """The present seats. Raises NotFound."""
    return _of(plan_index(schedule_id, present_version(schedule_id)).seats)


def table_of_version(schedule_id: uuid.UUID, version: str) -> Table:
    """The seats of a version of the date's plan. Raises NotFound."""
    return _of(seats_of(json.loads(saved_plan(schedule_id, version).plain)))


def _of(seats: Iterable[PlannedSeat]) -> Table:
    return Table([TableRow(*(getattr(seat, name) for name in COLUMNS)) for seat in seats])


def write_csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in table.rows:
        values = (getattr(row, name) for name in COLUMNS)
        writer.writerow([quoted(each) if isinstance(each, str) else each for each in values])
    return text.getvalue()


def read_csv(text: str) -> Table:
    """The rows, and each line that is none, with why."""
    lines = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    try:
        return _read(lines)
    except csv.Error:
        return Table([], [BadRow(lines.line_num, _("From here on the file is no CSV."))])


def _read(lines: Any) -> Table:
    heading = [name.strip().lower() for name in next(lines, [])]
    if sorted(heading) != sorted(COLUMNS):
        said = _("The first line must name the columns: {columns}.")
        return Table([], [BadRow(1, said.format(columns=", ".join(COLUMNS)))])
    rows: list[TableRow] = []
    bad: list[BadRow] = []
    seen: dict[object, int] = {}
    for cells in lines:
        if not any(map(str.strip, cells)):
            continue
        if len(rows) == MOST_ROWS:
            said = _("At most {most} seats.").format(most=f"{MOST_ROWS:,}")
            return Table(rows, [*bad, BadRow(lines.line_num, said)])
        try:
            row = _row(dict(zip(heading, map(_plain, cells), strict=True)))
            _require_new(row, seen, lines.line_num)
        except ValueError as error:
            bad.append(BadRow(lines.line_num, _what(error)))
        else:
            rows.append(row)
    return Table(rows, bad)


def _what(error: ValueError) -> str:
    known = isinstance(error, _Bad)
    return str(error) if known else _("It has another number of cells than the first line.")


class _Bad(ValueError):
    pass


def _plain(cell: str) -> str:
    # What `quoted` adds for spreadsheets.
    return clean_name(cell.removeprefix("'"))


def _row(cells: dict[str, str]) -> TableRow:
    numbers = {name: _number(name, cells[name]) for name in HIGHEST}
    for name, most in LONGEST.items():
        if len(cells[name]) > most:
            said = _("{column} is longer than {most} characters.")
            raise _Bad(said.format(column=name, most=most))
    kind = cells["kind"] or Seat.Kind.STANDARD.value
    if kind not in Seat.Kind.values:
        said = _("kind is none of {kinds}.")
        raise _Bad(said.format(kinds=", ".join(Seat.Kind.values)))
    usual = usual_label(cells["section"], cells["row"], numbers["seat_in_row"])
    label = cells["label"] or usual
    if len(label) > LONGEST["label"]:
        raise _Bad(_("The usual label is too long: give it a label."))
    return TableRow(
        section=cells["section"],
        row=cells["row"],
        label=label,
        grade=cells["grade"],
        kind=kind,
        **numbers,
    )


def _number(name: str, text: str) -> int:
    if text.isascii() and text.isdecimal() and len(text) < 12 and 0 < int(text) <= HIGHEST[name]:
        return int(text)
    said = _("{column} is no whole number from 1 to {most}.")
    raise _Bad(said.format(column=name, most=f"{HIGHEST[name]:,}"))


def _require_new(row: TableRow, seen: dict[object, int], line: int) -> None:
    for key in (row.name, row.label):
        if key in seen:
            raise _Bad(_("It is the same seat as in line {line}.").format(line=seen[key]))
    seen |= {row.name: line, row.label: line}
