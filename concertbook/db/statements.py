"""Statements in SQL, for what the ORM has no form for, and where building its queries takes longer
than they do: each in a function that says what it does.

Rows of models are written by ``concertbook.db.rows`` and locked and read by the ORM, or by its
``Prepared``. Outside of this package no cursor is opened (tests/project/test_architecture.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from django.db import connection

from concertbook.db import direct

Params = Sequence[Any] | Mapping[str, Any] | None
Row = tuple[Any, ...]


def execute(sql: str, params: Params = None) -> int:
    """Run the statement; returns how many rows it wrote."""
    written = direct.execute(sql, params)
    if written is not None:
        return written
    with connection.cursor() as cursor:
        cursor.execute(sql, params)
        return int(cursor.rowcount)


def fetch_all(sql: str, params: Params = None) -> list[Row]:
    """All rows of the statement's result."""
    rows: list[Row] | None = direct.fetch(sql, params)
    if rows is None:
        with connection.cursor() as cursor:
            cursor.execute(sql, params)
            rows = cursor.fetchall()
    return rows


def fetch_first(sql: str, params: Params = None) -> Row | None:
    """The first row of the statement's result, None where it has none."""
    rows = fetch_all(sql, params)
    return rows[0] if rows else None


def fetch_row(sql: str, params: Params = None) -> Row:
    """The first row of a statement that always has one."""
    row = fetch_first(sql, params)
    assert row is not None
    return row


def fetch_chunks(sql: str, params: Params = None, *, size: int) -> Iterator[list[Row]]:
    """The rows in lists of ``size``, by a cursor of the server: for a million of them."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(sql, params)
        while rows := cursor.fetchmany(size):
            yield rows


def copy_as_csv(sql: str) -> Iterator[bytes]:
    """The statement's rows as CSV, in blocks as they come."""
    with connection.cursor() as cursor, cursor.copy(f"COPY ({sql}) TO STDOUT (FORMAT csv)") as csv:
        yield from csv


def set_local(name: str, value: str | int) -> None:
    """Set a parameter of PostgreSQL until the end of the transaction. Not for input."""
    execute(f"SET LOCAL {name} = '{value}'")
