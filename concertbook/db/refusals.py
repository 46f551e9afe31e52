"""The refusals of triggers and unique constraints, as those of services."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import IntegrityError
from psycopg.errors import CheckViolation, UniqueViolation

from concertbook.errors import DomainError


@contextmanager
def refused_by(**refusals: type[DomainError]) -> Iterator[None]:
    """Raises the refusal that is named for the constraint which refuses a statement or commit."""
    try:
        yield
    except IntegrityError as exc:
        cause = exc.__cause__
        if not isinstance(cause, CheckViolation | UniqueViolation):
            raise
        name = cause.diag.constraint_name
        if name not in refusals:
            raise
        raise refusals[name] from exc
