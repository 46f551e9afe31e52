"""The refusals of triggers, as those of services."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from psycopg.errors import CheckViolation

from concertbook.errors import DomainError


@contextmanager
def refused_by(**refusals: type[DomainError]) -> Iterator[None]:
    """Raises the refusal that is named for the constraint which refuses a statement or commit."""
    try:
        yield
    except IntegrityError as exc:
        cause = exc.__cause__
        name = cause.diag.constraint_name if isinstance(cause, CheckViolation) else None
        if name not in refusals:
            raise
        raise refusals[name] from exc
