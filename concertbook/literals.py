"""Constants of ours that stand in the SQL itself, not beside it as parameters."""

from typing import Any

from django.db.models import Value


class Literal(Value):
    """A word of ours, never anybody's input: ``filter(status=Literal("WAITING"))``.

    A prepared statement is planned once, without its parameters, and PostgreSQL uses a partial
    index only where the statement itself says that the index's condition holds: with the status
    as a parameter it reads a million ended tokens to find the one that waits.
    """

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[str | int, ...]]:
        if not str(self.value).isalpha():
            raise ValueError(f"{self.value!r} is not a word")
        return f"'{self.value}'", ()
