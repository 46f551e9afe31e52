"""Remove one guard while a negative control runs."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any
from unittest import mock

from django.db import connection
from django.db.models import Model, QuerySet

from concertbook.db.prepared import Prepared
from payments.models import Ticket
from payments.services import check_ins, ticket_cancellation, ticket_offers

Guard = AbstractContextManager[Any]


@contextmanager
def row_locks(*models: type[Model]) -> Iterator[None]:
    """SELECT ... FOR UPDATE on these models' tables reads without locking."""
    locking = QuerySet.select_for_update

    def select_for_update(query: QuerySet[Any], **options: Any) -> QuerySet[Any]:
        return query if query.model in models else locking(query, **options)

    # Prepared caches its SQL: without the cache the patched select_for_update takes effect.
    anew = property(Prepared._statement.func)
    with (
        mock.patch.object(QuerySet, "select_for_update", select_for_update),
        mock.patch.object(Prepared, "_statement", anew),
    ):
        yield


@contextmanager
def constraint(name: str) -> Iterator[None]:
    """Drop a trigger, constraint or unique index; delete all rows before it is restored."""
    drop, restore = _trigger(name) or _constraint(name) or _index(name)
    _run(drop)
    try:
        yield
    finally:
        # Rows written meanwhile may violate the constraint. Every table refers to users.
        _run(["TRUNCATE accounts_user CASCADE", *restore])


def ticket_versions() -> Guard:
    """Save a ticket without comparing its version."""

    def save(ticket: Ticket, *, now: Any, fields: Sequence[str]) -> None:
        ticket.save(update_fields=fields)

    stack = ExitStack()
    for module in (check_ins, ticket_cancellation, ticket_offers):
        stack.enter_context(mock.patch.object(module, "save_change", save))
    return stack


def _trigger(name: str) -> tuple[list[str], list[str]] | None:
    tables = _query("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname = %s", name)
    return tables and (
        [f"ALTER TABLE {table} DISABLE TRIGGER {name}" for (table,) in tables],
        [f"ALTER TABLE {table} ENABLE TRIGGER {name}" for (table,) in tables],
    )


def _constraint(name: str) -> tuple[list[str], list[str]] | None:
    found = _query(
        "SELECT conrelid::regclass::text, pg_get_constraintdef(oid)"
        " FROM pg_constraint WHERE conname = %s",
        name,
    )
    return found and (
        [f"ALTER TABLE {table} DROP CONSTRAINT {name}" for table, _ in found],
        [f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}" for table, definition in found],
    )


def _index(name: str) -> tuple[list[str], list[str]]:
    ((definition,),) = _query("SELECT pg_get_indexdef(%s::regclass)", name)
    return [f"DROP INDEX {name}"], [definition]


def _query(sql: str, name: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(sql, [name])
        return cursor.fetchall()


def _run(statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
