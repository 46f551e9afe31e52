"""The reports: what each shows, who may read it, and how its rows are read.

A report is one statement (report_statements.py) over one period, for all concerts, one concert or
one date. The page reads it in a few seconds or says that it takes a file (console/reports.py); a
sweep writes it as a file (exports.py), and by a timetable (report_mails.py). None has rehearsals.
"""

import datetime as dt
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import parse_qsl, urlencode

from django.db import OperationalError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from psycopg.errors import QueryCanceled

from accounts.templatetags.reasons import reason
from concertbook.admin.exportable import EXPORT
from concertbook.db.arrays import array
from concertbook.db.statements import fetch_all, set_local
from concerts.services.staff_concerts import concerts_of
from operations.services import report_statements as statements
from operations.services.periods import period_of
from operations.services.spreadsheet_files import Cell
from payments.models import Ticket

Words = str | Promise
Row = Sequence[Any]

# A longer file is refused: it names persons by the thousand, or should be several.
MOST_ROWS = 100_000


class ReportTooLarge(Exception):
    """The statement takes longer than it may, or has more than MOST_ROWS rows."""


@dataclass(frozen=True)
class Column:
    """``kind`` says what a value is, and how it is shown: text, hour (its beginning), day, moment,
    count, won, seconds, percent, or a code: reason, ticket. Counts and won are added up."""

    name: str
    heading: Words
    kind: str = "text"

    @property
    def is_number(self) -> bool:
        return self.kind in ("count", "won", "seconds", "percent")

    @property
    def is_summed(self) -> bool:
        return self.kind in ("count", "won")


@dataclass(frozen=True)
class Report:
    """``of_shows``: the period is that of the shows; else that of what happened. ``chart`` names
    the columns of a chart over the first column."""

    slug: str
    title: Words
    note: Words
    permissions: Sequence[str]
    columns: Sequence[Column]
    statement: str
    of_shows: bool = False
    chart: Sequence[str] = ()


@dataclass(frozen=True)
class Scope:
    """Days of the venue's time zone, both included; one concert, one date of it, or all."""

    first: dt.date
    last: dt.date
    concert: uuid.UUID | None = None
    schedule: uuid.UUID | None = None

    def as_query(self) -> str:
        return urlencode({name: value for name, value in asdict(self).items() if value})

    @classmethod
    def of_query(cls, query: str) -> "Scope":
        """What ``as_query`` has written."""
        values = dict(parse_qsl(query))
        return cls(
            dt.date.fromisoformat(values["first"]),
            dt.date.fromisoformat(values["last"]),
            concert=uuid.UUID(values["concert"]) if "concert" in values else None,
            schedule=uuid.UUID(values["schedule"]) if "schedule" in values else None,
        )


def may_read(user: Any, report: Report) -> bool:
    return bool(user.has_perms(report.permissions))


def may_take_away(user: Any, report: Report) -> bool:
    """Whether the user may have the report as a file."""
    return may_read(user, report) and bool(user.has_perm(EXPORT))


def read_rows(report: Report, scope: Scope, *, user: Any, most: int, timeout: str) -> list[Row]:
    """The first ``most`` rows, of the concerts that the user may work for.

    One statement; takes no lock and may run during a sale. Raises InvalidPeriod, ReportTooLarge
    after ``timeout`` (of PostgreSQL).
    """
    start, end = period_of(scope.first, scope.last)
    mine = concerts_of(user)
    params = {
        "start": start,
        "end": end,
        "concert": scope.concert,
        "schedule": scope.schedule,
        "mine": None if mine is None else array(sorted(mine)),
        "most": most,
    }
    try:
        with transaction.atomic():
            set_local("statement_timeout", timeout)
            # Much of a table is read here, and for a plan the period must be known.
            set_local("enable_seqscan", "on")
            set_local("plan_cache_mode", "force_custom_plan")
            return list(fetch_all(report.statement, params))
    except OperationalError as error:
        if isinstance(error.__cause__, QueryCanceled):
            raise ReportTooLarge from error
        raise


def as_table(report: Report, rows: Sequence[Row]) -> Iterator[list[Cell]]:
    """The headings and the rows as they are written into a file, in the active language."""
    yield [str(column.heading) for column in report.columns]
    for row in rows:
        pairs = zip(report.columns, row, strict=True)
        yield [in_words(column, value) for column, value in pairs]


def in_words(column: Column, value: Any) -> Any:
    """The value, a code in words of the active language."""
    if column.kind == "reason":
        return reason(value)
    if column.kind == "ticket":
        return str(Ticket.Status(value).label)
    return value


def sums_of(report: Report, rows: Sequence[Row]) -> list[int | None]:
    """The sums of the columns that can be added up, None below the others."""
    return [
        sum(row[at] or 0 for row in rows) if column.is_summed else None
        for at, column in enumerate(report.columns)
    ]


SALES = ("payments.view_payment", "payments.view_refund")
TICKETS = ("payments.view_ticket",)
LINE = ("queueing.view_waitingroom",)
SEATS = ("concerts.view_concertschedule",)

CONCERT = Column("concert", _("Concert"))
DATE = Column("starts", _("Date of the show"), "moment")
GRADE = Column("grade", _("Grade"))
SECTION = Column("section", _("Section"))
HOUR = Column("hour", _("Hour"), "hour")
DAY = Column("day", _("Day"), "day")

MONEY = (
    Column("sold", _("Tickets sold"), "count"),
    Column("sales", _("Gross sales"), "won"),
    Column("refunded", _("Tickets refunded"), "count"),
    Column("refunds", _("Refunds"), "won"),
    Column("fees", _("Fees kept"), "won"),
    Column("net", _("Net sales"), "won"),
)
COMPENSATIONS = Column("compensations", _("Compensations"), "won")
OF_LINE = (
    Column("room", _("Waiting room")),
    Column("joined", _("Joined"), "count"),
    Column("admitted", _("Let in"), "count"),
    Column("p50", _("Half waited at most"), "seconds"),
    Column("p90", _("90 of 100 waited at most"), "seconds"),
    Column("p95", _("95 of 100 waited at most"), "seconds"),
    Column("p99", _("99 of 100 waited at most"), "seconds"),
    Column("left_waiting", _("Left while waiting"), "count"),
    Column("left_inside", _("Left inside without buying"), "count"),
    Column("paid", _("Bought"), "count"),
    Column("conversion", _("Bought, of those let in"), "percent"),
)


def _sales(slug: str, title: Words, *keys: Column, note: Words = "", **more: Any) -> Report:
    columns = (*keys, *MONEY, *more.pop("and_columns", ()))
    statement = statements.money(tuple(key.name for key in keys), columns[len(keys) :])
    note = note or _("Payments and refunds of the period; a refund counts when it was made.")
    return Report(slug, title, note, SALES, columns, statement, **more)


_REPORTS = (
    _sales("sales-by-hour", _("Sales by hour"), HOUR, chart=("sold", "refunded")),
    _sales("sales-by-day", _("Sales by day"), DAY, chart=("sold", "refunded")),
    _sales("sales-by-date", _("Sales by date of the show"), CONCERT, DATE),
    _sales("sales-by-grade", _("Sales by grade"), CONCERT, GRADE),
    _sales("sales-by-section", _("Sales by section"), CONCERT, SECTION),
    _sales(
        "settlement-by-date-and-grade",
        _("Settlement by date and grade"),
        CONCERT,
        DATE,
        GRADE,
        and_columns=(COMPENSATIONS,),
        note=_("What the settlement says by day, by what was sold: its sums are the same."),
    ),
    Report(
        "refunds-by-reason",
        _("Refunds by reason"),
        _("Refunds that were made in the period."),
        SALES,
        (
            Column("reason", _("Reason"), "reason"),
            Column("refunded", _("Tickets refunded"), "count"),
            Column("refunds", _("Refunds"), "won"),
            Column("fees", _("Fees kept"), "won"),
            COMPENSATIONS,
        ),
        statements.REFUNDS_BY_REASON,
    ),
    Report(
        "seats",
        _("Seats by date, grade and section"),
        _("The seats of the period's shows as they are now."),
        SEATS,
        (
            CONCERT,
            DATE,
            GRADE,
            SECTION,
            Column("seats", _("Seats"), "count"),
            Column("sold", _("Sold"), "count"),
            Column("comps", _("Free tickets"), "count"),
            Column("held", _("Held"), "count"),
            Column("blocked", _("Blocked"), "count"),
            Column("held_back", _("Held back"), "count"),
            Column("free", _("Free"), "count"),
        ),
        statements.SEATS,
        of_shows=True,
    ),
    Report(
        "queue-by-hour",
        _("Waiting rooms by hour"),
        _("Those who joined in the hour: how long they waited, and how it ended for them."),
        LINE,
        (HOUR, *OF_LINE),
        statements.line(statements.HOUR_JOINED),
        chart=("joined", "admitted", "paid"),
    ),
    Report(
        "queue-by-day",
        _("Waiting rooms by day"),
        _("Those who joined on the day: how long they waited, and how it ended for them."),
        LINE,
        (DAY, *OF_LINE),
        statements.line(statements.DAY_JOINED),
    ),
    Report(
        "attendance",
        _("Attendance"),
        _("Holders of valid tickets of the period's shows, and who of them came."),
        TICKETS,
        (
            CONCERT,
            DATE,
            Column("tickets", _("Tickets"), "count"),
            Column("inside", _("Came"), "count"),
            Column("missing", _("Did not come"), "count"),
            Column("share", _("Came, of all"), "percent"),
            Column("by_hand", _("Let in by hand"), "count"),
            Column("first_at", _("First at the door"), "moment"),
            Column("last_at", _("Last at the door"), "moment"),
        ),
        statements.ATTENDANCE,
        of_shows=True,
    ),
    Report(
        "guests",
        _("Guest list"),
        _("Who holds which seat of the period's shows. It names persons: take what you need."),
        TICKETS,
        (
            CONCERT,
            DATE,
            SECTION,
            Column("row", _("Row")),
            Column("seat", _("Seat")),
            GRADE,
            Column("name", _("Name")),
            Column("email", _("E-mail address")),
            Column("state", _("State"), "ticket"),
            Column("gate", _("Gate")),
            Column("used_at", _("Checked in"), "moment"),
        ),
        statements.GUESTS,
        of_shows=True,
    ),
)
REPORTS = {report.slug: report for report in _REPORTS}
