"""A read-only snapshot for many queries."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from concertbook.db.statements import execute, set_local


@contextmanager
def snapshot(*, statement_timeout: str) -> Iterator[None]:
    """All queries inside see the database as of the first one, and cannot write.

    Takes no lock and may run during a sale. Not inside a transaction.
    """
    with transaction.atomic(durable=True):
        execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        set_local("statement_timeout", statement_timeout)
        # Whole tables are read here, so sequential scans are right.
        set_local("enable_seqscan", "on")
        yield
