"""Tables as files, CSV or XLSX, in which no cell runs as a formula."""

import csv
import datetime as dt
import io
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

from django.utils.timezone import localtime
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import Font

from concertbook.http.spreadsheets import quoted

Cell = str | int | Decimal | dt.date | dt.datetime | None
Table = Iterable[Sequence[Cell]]

CONTENT_TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


def table_as_file(
    table: Table, *, format: str, name: str, widths: Mapping[str, int] | None = None
) -> bytes:
    """The table, whose first row are its headings, in one of CONTENT_TYPES.

    ``name`` is that of the XLSX sheet, ``widths`` are those of its columns by their letters. Times
    are the venue's.
    """
    return _as_xlsx(table, name, widths or {}) if format == "xlsx" else _as_csv(table)


def _as_csv(table: Table) -> bytes:
    text = io.StringIO()
    rows = csv.writer(text)
    for row in table:
        rows.writerow([_in_text(_safe(cell)) for cell in row])
    # With a byte order mark Excel reads the file as UTF-8, so that Korean is readable.
    return text.getvalue().encode("utf-8-sig")


def _in_text(cell: Cell) -> Cell:
    return f"{cell:%Y-%m-%d %H:%M}" if isinstance(cell, dt.datetime) else cell


def _as_xlsx(table: Table, name: str, widths: Mapping[str, int]) -> bytes:
    book = Workbook(write_only=True)
    # Excel takes no longer name, and none of these signs.
    sheet = book.create_sheet(name.translate(str.maketrans("", "", r"[]:*?/\\"))[:31])
    sheet.freeze_panes = "A2"
    for column, width in widths.items():
        sheet.column_dimensions[column].width = width
    rows = iter(table)
    sheet.append([_heading(sheet, str(cell)) for cell in next(rows)])
    for row in rows:
        sheet.append([_formatted(sheet, cell) for cell in row])
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def _heading(sheet: object, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.font = Font(bold=True)
    return cell


def _formatted(sheet: object, value: Cell) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, _safe(value))
    if isinstance(value, int):
        cell.number_format = "#,##0"
    elif isinstance(value, dt.datetime):
        cell.number_format = "yyyy-mm-dd hh:mm"
    return cell


def _safe(cell: Cell) -> Cell:
    if isinstance(cell, dt.datetime):
        # XLSX has no time zones.
        return localtime(cell).replace(tzinfo=None)
    # XLSX cannot contain control characters, which are invisible in a title anyway.
    return quoted(ILLEGAL_CHARACTERS_RE.sub("", cell)) if isinstance(cell, str) else cell
