"""Conditions that find rows by how a text begins, or by the first characters of an id, each by an
index of its own."""

import uuid
from typing import Any

from django.db.models import CharField, Func, Lookup, TextField, Value
from django.db.models.functions import Collate, Lower

from concertbook.db.search import PlainText

# As many hexadecimal digits of an id name its row among millions.
FEWEST_DIGITS = 8
DIGITS = 32


def plain_key(column: str) -> Collate:
    """The expression of an index on how names begin, in any composition of their letters."""
    return Collate(PlainText(column), "C")


def folded_key(column: str) -> Collate:
    """The expression of an index on how ASCII texts begin, in any case."""
    return Collate(Lower(column), "C")


@CharField.register_lookup
@TextField.register_lookup
class Begins(Lookup):
    """``key__begins="text"`` for a plain_key or folded_key, with the text as that expression.

    A range, unlike LIKE, uses the index in a statement that was prepared without the text.
    """

    lookup_name = "begins"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        key, key_params = self.process_lhs(compiler, connection)
        text, text_params = self.process_rhs(compiler, connection)
        # Behind every text that begins so, in the order of bytes.
        last = f'({text} || chr(1114111)) COLLATE "C"'
        sql = f'({key} >= {text} COLLATE "C" AND {key} < {last})'
        return sql, (*key_params, *text_params, *key_params, *text_params)


def plain(text: str) -> Func:
    """The text as a plain_key has it."""
    return PlainText(Value(text, output_field=TextField()))


def folded(text: str) -> Func:
    """The text as a folded_key has it."""
    return Lower(Value(text, output_field=TextField()))


def id_range(text: str) -> tuple[uuid.UUID, uuid.UUID] | None:
    """The first and the last id that begin with these digits; None for what begins no id, or is
    too short."""
    digits = text.strip().replace("-", "").lower()
    if not FEWEST_DIGITS <= len(digits) <= DIGITS or set(digits) - set("0123456789abcdef"):
        return None
    return uuid.UUID(digits.ljust(DIGITS, "0")), uuid.UUID(digits.ljust(DIGITS, "f"))
