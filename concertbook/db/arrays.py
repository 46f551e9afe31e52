"""Columns of many rows, as parameters of one statement, for ``unnest`` and ``ANY``."""

import datetime as dt
from collections.abc import Callable, Iterable
from functools import lru_cache
from operator import attrgetter
from types import NoneType
from typing import Any
from uuid import UUID

Element = UUID | int | str | bytes | dt.datetime | None


def array(values: Iterable[Element]) -> str:
    """The values as PostgreSQL writes an array; the statement says of what: ``%s::uuid[]``.

    The driver would take a list, and longer to write it than all else that a statement costs.
    """
    return "{" + ",".join([FORMS.get(type(value), _text)(value) for value in values]) + "}"


def _text(value: str) -> str:
    if '"' in value or "\\" in value:
        value = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{value}"'


def _bytes(value: bytes) -> str:
    return f'"\\\\x{value.hex()}"'


@lru_cache(maxsize=64)
def _moment(value: dt.datetime) -> str:
    # The rows of one statement are mostly of one moment, and to write it costs more than the rest.
    return value.isoformat()


# By type; a subclass of str (a status, say) is found by none and is a text too.
FORMS: dict[type, Callable[[Any], str]] = {
    # The hyphens that str() puts in a UUID cost four times as much.
    UUID: attrgetter("hex"),
    int: str,
    NoneType: lambda _none: "NULL",
    str: _text,
    bool: str,
    bytes: _bytes,
    dt.datetime: _moment,
}
