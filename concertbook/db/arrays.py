"""Columns of many rows, as parameters of one statement, for ``unnest`` and ``ANY``."""

import datetime as dt
from collections.abc import Iterable
from uuid import UUID

Element = UUID | int | str | bytes | dt.datetime | None


def array(values: Iterable[Element]) -> str:
    """The values as PostgreSQL writes an array; the statement says of what: ``%s::uuid[]``.

    The driver would take a list, and longer to write it than all else that a statement costs.
    """
    return "{" + ",".join(map(_element, values)) + "}"


def _element(value: Element) -> str:
    # In the order of how often they come; a sale writes some ten of them for each seat.
    if isinstance(value, UUID):
        # The hyphens that str() puts in cost four times as much.
        return value.hex
    if isinstance(value, int):
        return str(value)
    if value is None:
        return "NULL"
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, bytes):
        return f'"\\\\x{value.hex()}"'
    return value.isoformat()
