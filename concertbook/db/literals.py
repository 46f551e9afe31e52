"""How a statement says a status, so that it is planned well for good.

A prepared statement is planned once, and by what was in the tables then: before a sale nobody
waits, nothing is held, and the index of those who wait is the smallest there is. PostgreSQL uses
a partial index for a statement that says the index's condition in the same form, or in words that
imply it, and there are three forms:

- in words, as a Literal: by whoever wants all that wait, and by the index of those who wait
- ``checked``: by whoever looks a row up by its own key
- ``unless``: by the unique constraints, for a promise and no query, but for the one whose index
  also finds all that is live of a schedule
"""

import re
from typing import Any

from django.db.models import Q, Value


class Literal(Value):
    """A word of ours, never anybody's input: ``filter(status=Literal("WAITING"))``.

    For whoever wants all that wait. It stands in the SQL itself: with the status as a parameter
    PostgreSQL uses no partial index, and reads a million ended tokens to find the one that waits.
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        if not re.fullmatch(r"\w+|\^\(\w+(\|\w+)*\)\$", str(self.value)):
            raise ValueError(f"{self.value!r} is not a word")
        return f"'{self.value}'", ()


def checked(column: str, *words: str) -> Q:
    """That the column says one of these words, in a form that no partial index answers.

    In words, a statement that was planned while nobody waited would read all who wait to find one
    of them by its key, and for as long as the connection lasts.
    """
    return Q(**{f"{column}__regex": one_of(*words)})


def one_of(*words: str) -> str:
    """What ``checked`` says; as a Literal it finds the one index whose condition is checked."""
    return f"^({'|'.join(words)})$"


def unless(column: str, *words: str) -> Q:
    """That the column says none of these words."""
    return ~checked(column, *words)
