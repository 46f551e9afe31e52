"""How a statement says a status, so that it is planned well for good.

A prepared statement is planned once, and by what was in the tables then: before a sale nobody
waits, nothing is held, and the index of those who wait is the smallest there is.
"""

from typing import Any

from django.db.models import Q, Value


class Literal(Value):
    """A word of ours, never anybody's input: ``filter(status=Literal("WAITING"))``.

    For whoever wants all that wait. It stands in the SQL itself: with the status as a parameter
    PostgreSQL uses no partial index, and reads a million ended tokens to find the one that waits.
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        if not str(self.value).isalpha():
            raise ValueError(f"{self.value!r} is not a word")
        return f"'{self.value}'", ()


def checked(column: str, *words: str) -> Q:
    """That the column says one of these words, in a form that no partial index answers.

    For whoever looks a row up by its own key: planned while nobody waited, the statement would
    otherwise read all who wait, for ever. And for the condition of a unique constraint, whose
    words no query checks: its index is there to keep a promise.
    """
    return Q(**{f"{column}__regex": f"^({'|'.join(words)})$"})
