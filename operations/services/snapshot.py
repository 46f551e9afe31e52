"""Many questions about one and the same moment."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction


@contextmanager
def snapshot(*, statement_timeout: str) -> Iterator[None]:
    """Everything inside sees the database as it was at its first query, and can write nothing.

    Takes no lock and may run during a sale. Not inside a transaction.
    """
    with transaction.atomic(durable=True):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            cursor.execute(f"SET LOCAL statement_timeout = '{statement_timeout}'")
            # Here whole tables are read.
            cursor.execute("SET LOCAL enable_seqscan = on")
        yield
