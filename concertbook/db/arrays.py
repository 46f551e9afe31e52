"""Columns of many rows, as parameters of one statement, for ``unnest`` and ``ANY``."""

import datetime as dt
import json
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any
from uuid import UUID

Element = UUID | int | str | bytes | dt.datetime | dict[str, Any] | None


def array(values: Iterable[Element]) -> str:
    """The values as the text of a PostgreSQL array; the statement casts it: ``%s::uuid[]``.

    Given a list, the driver takes longer to write it than the rest of the statement takes.
    """
    return "{" + ",".join([FORMS.get(type(value), _text)(value) for value in values]) + "}"


def hidden_from_planner(param: str, kind: str) -> str:
    """The parameter as an expression of this type whose value the planner does not look at.

    PostgreSQL keeps a prepared statement's plan if it seems as cheap as one for the parameters at
    hand; else it plans anew at each call. It reckons with ten elements for an array that it does
    not know, and with the one that a single buyer sends; and with no row for a key that came after
    the last ANALYZE.
    """
    return f"(SELECT {param}::{kind})"


def any_of(param: str, kind: str) -> str:
    """The right side of ``=`` for an array of this type, hidden from the planner."""
    # ANY needs the type once more: of a bare SELECT it would take the rows, which are arrays.
    return f"ANY({hidden_from_planner(param, f'{kind}[]')}::{kind}[])"


def _text(value: str) -> str:
    if '"' in value or "\\" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _bytes(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


@lru_cache(maxsize=64)
def _moment(value: dt.datetime) -> str:
    # The rows of one statement mostly have the same time, which is expensive to write: cache it.
    return value.isoformat()


# By exact type; a subclass of str (a status) is not found and is written as a text too.
FORMS: dict[type, Callable[[Any], str]] = {
    # The hyphens that str() puts in a UUID cost four times as much.
    UUID: attrgetter("hex"),
    int: str,
    NoneType: lambda _none: "NULL",
    str: _text,
    bool: str,
    bytes: _bytes,
    dict: lambda value: _text(json.dumps(value)),
    dt.datetime: _moment,
}
