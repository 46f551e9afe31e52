"""Many questions about one and the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import transaction

from concertbook.db.statements import execute, set_local


@contextmanager
def snapshot(*, statement_timeout: str) -> Iterator[None]:
    """Everything inside sees the database as it was at its first query, and can write nothing.

    Takes no lock and may run during a sale. Not inside a transaction.
    """
    with transaction.atomic(durable=True):
        execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        set_local("statement_timeout", statement_timeout)
        # Here whole tables are read.
        set_local("enable_seqscan", "on")
        yield
