"""Rows of models, written many at a time and into several tables by one statement.

    write_rows(Update(seats, ["status", "version"]), Insert(history))

Each column is sent as one array, and ``unnest`` makes rows of them again. Of 1, 4, 16 and 1,000
tickets with 15 columns (microseconds; the median of seven turns of each in one run):

    an array for each column    108   138   258   11,001
    json_to_recordset            97   137   274   15,431
    jsonb_to_recordset           97   137   284   16,265
    composite rows               90   125   251   11,715

Composite rows are sent in the order that the table has its columns in, and need all of them: a
migration that adds a column would break the servers that still run.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import attrgetter, itemgetter
from typing import Any, NamedTuple, Protocol

from django.db import connection
from django.db.models import AutoField, Expression, Field, GeneratedField, Model

from concertbook.db.arrays import Element, array, hidden_from_planner
from concertbook.db.statements import execute, fetch_all


class Part(NamedTuple):
    """SQL that changes rows, with a parameter for each ``%s``.

    What it returns can be read by its ``name`` in later parts of the same statement.
    """

    sql: str
    params: Sequence[str] = ()
    name: str = ""


class Change(Protocol):
    @property
    def rows(self) -> Sequence[Any]: ...

    def parts(self) -> list[Part]: ...


def write_rows(*changes: Change) -> None:
    """Make all of these changes in one statement; those without rows are left out.

    No change sees what another one writes. Instances that were inserted count as saved; their
    keys, where the database makes them, are set for the last change alone. Raises IntegrityError
    as Model.save does, and has then written nothing.
    """
    changes = tuple(change for change in changes if change.rows)
    if not changes:
        return
    parts = [part for change in changes for part in change.parts()]
    sql = _joined(tuple((part.sql, part.name) for part in parts))
    params = [param for part in parts for param in part.params]
    last = changes[-1]
    if isinstance(last, Insert) and last.key:
        keys = fetch_all(f'{sql} RETURNING "{last.key}"', params)
        for row, (key,) in zip(last.rows, keys, strict=True):
            row.pk = key
    else:
        execute(sql, params)
    for change in changes:
        if isinstance(change, Insert):
            for row in change.rows:
                row._state.adding = False


def is_saved(row: Model) -> bool:
    """Whether the instance stands for a row of its table."""
    return not row._state.adding


@dataclass(frozen=True)
class Insert:
    """Instances of one model that are not in its table yet.

    A column with ``db_default`` is left to the database where the first instance has no value for
    it, or where that is the value of every instance; a column that is None in every instance is
    left out, which makes it NULL. Times come
    from the database's clock, and the caller sets them: ``auto_now`` does nothing.
    """

    rows: Sequence[Model]

    def parts(self) -> list[Part]:
        first = self.rows[0]
        columns = drop_nulls(
            {
                name: list(map(attrgetter(name), self.rows))
                for name in _insertable(type(first))
                if not isinstance(getattr(first, name), Expression)
            }
        )
        columns = _drop_defaults(type(first), columns)
        return [Part(_insert(type(first), tuple(columns)), list(map(array, columns.values())))]

    @property
    def key(self) -> str | None:
        """The key's column, if the database makes it."""
        key = _key(type(self.rows[0]))
        return key.column if isinstance(key, AutoField) else None


@dataclass(frozen=True)
class InsertValues:
    """Rows as mappings from column (``seat_id``) to value, all of them of the same columns.

    For rows that are not needed any more: to make an instance takes longer than to write it.
    """

    model: type[Model]
    rows: Sequence[Mapping[str, Any]]

    def parts(self) -> list[Part]:
        columns = tuple(self.rows[0])
        params = [array(map(itemgetter(name), self.rows)) for name in columns]
        return [Part(_insert(self.model, columns), params)]


@dataclass(frozen=True)
class Update:
    """These fields of instances, found by their keys. The caller holds the rows' locks."""

    rows: Sequence[Model]
    fields: tuple[str, ...]

    def parts(self) -> list[Part]:
        model = type(self.rows[0])
        columns = _updatable(model, self.fields)
        params = [array(map(attrgetter(name), self.rows)) for name in columns]
        return [Part(_update(model, columns), params)]


class Recordset:
    """Rows of named columns that are given to a statement, to stand in its FROM:

        ASKED = Recordset("asked", who="uuid", key="text")
        fetch_all(f"SELECT ... FROM {ASKED} JOIN ... ON ... = asked.who", ASKED.params(rows))

    ``rows`` are tuples in the order of the columns. A last column, ``n``, counts them from 1.
    """

    def __init__(self, name: str, /, **types: str) -> None:
        self.name = name
        self.types = types

    def __str__(self) -> str:
        # PostgreSQL reckons with as many rows as the longest array seems to have, so one is enough.
        first, *others = (f"{each}[]" for each in self.types.values())
        arrays = ", ".join([hidden_from_planner("%s", first), *(f"%s::{each}" for each in others)])
        columns = ", ".join(f'"{each}"' for each in (*self.types, "n"))
        return f"unnest({arrays}) WITH ORDINALITY AS {self.name} ({columns})"

    @property
    def by_key(self) -> str:
        """A condition, always true, for a statement that looks up each row in tables by a key.

        PostgreSQL reckons that one row in 200 lies in a range, so it reckons with a single one here
        and looks it up by an index. For the ten with which it reckons otherwise, it may read the
        whole of a table that was small when the plan was made, and has grown since.
        """
        return f"{self.name}.n BETWEEN 1 AND 999999999"

    def params(self, rows: Iterable[tuple[Element, ...]]) -> list[str]:
        columns = list(zip(*rows, strict=True)) or [()] * len(self.types)
        return list(map(array, columns))


def drop_nulls(columns: Mapping[str, Sequence[Element]]) -> dict[str, Sequence[Element]]:
    """These columns without those that are NULL in every row, which need not be sent.

    Not only to save their arrays: psycopg parses a statement with more than 50 parameters again at
    each call.
    """
    return {
        name: values
        for name, values in columns.items()
        # Mostly the first value answers it; count(None) would call UUID.__eq__ for each.
        if any(value is not None for value in values)
    }


def _drop_defaults(
    model: type[Model], columns: dict[str, Sequence[Element]]
) -> dict[str, Sequence[Element]]:
    """These columns without those that the database fills with the same value in every row."""
    return {
        name: values
        for name, values in columns.items()
        if name not in (defaults := _defaults(model))
        or any(value != defaults[name] for value in values)
    }


@cache
def _defaults(model: type[Model]) -> Mapping[str, Element]:
    """The values, not the expressions, that the database gives to columns of this model."""
    return {
        field.attname: field.db_default  # type: ignore[misc]
        for field in model._meta.concrete_fields
        if field.has_db_default() and not isinstance(field.db_default, Expression)
    }


@cache  # A dozen: one for each call of write_rows.
def _joined(parts: tuple[tuple[str, str], ...]) -> str:
    *first, (last, _name) = parts
    before = ", ".join(f"{name or f'part_{n}'} AS ({sql})" for n, (sql, name) in enumerate(first))
    return f"WITH {before} {last}" if first else last


@cache
def _insert(model: type[Model], columns: tuple[str, ...]) -> str:
    into = ", ".join(f'"{_field(model, name).column}"' for name in columns)
    values = ", ".join(f'given."{name}"' for name in columns)
    rows = _recordset(model, columns)
    return f"INSERT INTO {model._meta.db_table} ({into}) SELECT {values} FROM {rows}"


@cache
def _update(model: type[Model], columns: tuple[str, ...]) -> str:
    table = model._meta.db_table
    is_same, *values = (f'"{_field(model, name).column}" = given."{name}"' for name in columns)
    rows = _recordset(model, columns)
    return (
        f"UPDATE {table} SET {', '.join(values)} FROM {rows}"
        f" WHERE {table}.{is_same} AND {rows.by_key}"
    )


def _recordset(model: type[Model], columns: tuple[str, ...]) -> Recordset:
    return Recordset("given", **{name: _type(_field(model, name)) for name in columns})


@cache
def _insertable(model: type[Model]) -> list[str]:
    fields = model._meta.concrete_fields
    return [each.attname for each in fields if not isinstance(each, AutoField | GeneratedField)]


@cache
def _updatable(model: type[Model], names: tuple[str, ...]) -> tuple[str, ...]:
    return (_key(model).attname, *(_field(model, name).attname for name in names))


def _key(model: type[Model]) -> "Field[Any, Any]":
    key = model._meta.pk
    assert key is not None
    return key


def _field(model: type[Model], name: str) -> "Field[Any, Any]":
    field = model._meta.get_field(name)
    assert isinstance(field, Field)
    return field


def _type(field: "Field[Any, Any]") -> str:
    # Without its length: a cast would cut what is too long, where the column refuses it.
    return re.sub(r"\(\d+\)", "", field.db_type(connection) or "")
