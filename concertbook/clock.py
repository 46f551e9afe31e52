"""The one clock: the database's, so that servers whose clocks differ agree."""

from datetime import UTC, datetime

from django.db import connection


def database_now() -> datetime:
    """The database's wall clock, now.

    Call it once per use case, after the last lock was taken: ``now()`` stands still inside a
    transaction and would miss the time spent waiting.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return moment  # type: ignore[no-any-return]


def utc(moment: datetime) -> str:
    """As the API writes a time: ISO 8601, in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
