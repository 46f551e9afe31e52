"""The refusal of what would reach an account that is about to be deleted, by triggers."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from psycopg.errors import CheckViolation

from accounts.errors import AccountClosing


@contextmanager
def refused_while_closing(constraint: str) -> Iterator[None]:
    """Raises AccountClosing when the trigger with this name refuses a statement within."""
    try:
        yield
    except IntegrityError as exc:
        refusal = exc.__cause__
        if not isinstance(refusal, CheckViolation) or refusal.diag.constraint_name != constraint:
            raise
        raise AccountClosing from exc
