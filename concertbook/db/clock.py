"""The clock of the database, so that servers whose clocks differ agree."""

from datetime import UTC, datetime

from django.db.models import DateTimeField, Func

from concertbook.db.statements import fetch_row


def database_now() -> datetime:
    """The current time of the database's clock.

    Call it once per use case, after the last lock was taken: ``now()`` is the transaction's start
    and would not include the time spent waiting.
    """
    (moment,) = fetch_row("SELECT clock_timestamp()")
    return moment  # type: ignore[no-any-return]


class ClockTime(Func):
    """When the row is written, by the database's clock: the default of a column."""

    function = "clock_timestamp"
    output_field = DateTimeField()


class StatementTime(Func):
    """When the statement began, by the database's clock; an index can be searched for it."""

    function = "statement_timestamp"
    output_field = DateTimeField()


def seconds_until(moment: datetime | None, now: datetime | None = None) -> int:
    """Whole seconds until then, at least 0: for a browser, whose own clock may be wrong.

    ``now`` is the database's clock, if the caller has read it.
    """
    if moment is None:
        return 0
    return max(0, int((moment - (now or database_now())).total_seconds()))


def utc(moment: datetime) -> str:
    """The time as the API writes it: ISO 8601, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
