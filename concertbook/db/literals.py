"""Three ways to write a status in a statement, which decide the index that PostgreSQL may use.

A prepared statement is planned once, by the statistics of that moment. Before a sale no token waits
and no seat is held, so the partial index of waiting rows looks like the smallest one for every
query. PostgreSQL uses a partial index only if the statement's condition has the same form as the
index's or implies it. So there are three forms:

- a Literal: in queries for all waiting rows, and in the partial index of waiting rows
- ``checked``: in look-ups of a row by its own key, which must not use that index
- ``unless``: in the unique constraints, which must serve no query, except the one whose index also
  finds the live reservations of a schedule
"""

import re
from typing import Any

from django.db.models import Q, Value


class Literal(Value):
    """A constant in the SQL text, never user input: ``filter(status=Literal("WAITING"))``.

    For queries of all waiting rows. With the status as a parameter PostgreSQL uses no partial
    index, and reads a million ended tokens to find the one that waits.
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        if not re.fullmatch(r"\w+|\^\(\w+(\|\w+)*\)\$", str(self.value)):
            raise ValueError(f"{self.value!r} is not a word")
        return f"'{self.value}'", ()


def checked(column: str, *words: str) -> Q:
    """The column has one of these values, in a form that matches no partial index.

    With a Literal, a statement that was planned for an empty line would read all waiting rows to
    find one by its key, as long as the connection lasts.
    """
    return Q(**{f"{column}__regex": one_of(*words)})


def one_of(*words: str) -> str:
    """The condition of ``checked``; as a Literal it matches the one index with that condition."""
    return f"^({'|'.join(words)})$"


def unless(column: str, *words: str) -> Q:
    """The column has none of these values."""
    return ~checked(column, *words)
