"""Run statements that the driver has prepared, without its cursors and Django's.

psycopg prepares a statement at its second run on a connection. From then on it is sent here by one
call of libpq, which takes 27 µs of Python instead of 87, and gives up Python's lock once instead of
several times. All else is the cursor's: the first runs, the first statement of a transaction,
before which psycopg sends its BEGIN, and statements that are logged or wrapped.
"""

from typing import Any

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from psycopg import errors, pq
from psycopg._queries import PostgresQuery
from psycopg.adapt import Transformer

Params = Any

# So many statements are kept on a connection: texts that are put together would be more.
MOST_STATEMENTS = 300


class Statement:
    """A statement's text as PostgreSQL reads it, and how its parameters and rows are converted.

    For one connection. ``transformer`` has the converters of the result's columns after the first.
    """

    def __init__(self, raw: Any, sql: str, params: Params) -> None:
        self.transformer = Transformer(raw)
        self.query = PostgresQuery(self.transformer)
        self.query.convert(sql, params)
        self.has_loaders = False

    def rows_of(self, result: Any) -> list[tuple[Any, ...]]:
        self.transformer.set_pgresult(result, set_loaders=not self.has_loaders)
        self.has_loaders = True
        rows: list[tuple[Any, ...]] = self.transformer.load_rows(0, result.ntuples, tuple)
        return rows


def fetch(sql: str, params: Params) -> list[tuple[Any, ...]] | None:
    """The rows; None if a cursor has to run the statement. Raises Django's database errors."""
    done = _run(sql, params)
    return None if done is None else done[0].rows_of(done[1])


def execute(sql: str, params: Params) -> int | None:
    """How many rows were written; None as for fetch."""
    done = _run(sql, params)
    return None if done is None else done[1].command_tuples or 0


def _run(sql: str, params: Params) -> tuple[Statement, Any] | None:
    connection = connections[DEFAULT_DB_ALIAS]
    raw = connection.connection
    if raw is None or connection.queries_logged or connection.execute_wrappers:
        return None
    status = raw.pgconn.transaction_status
    is_begun = status == pq.TransactionStatus.INTRANS
    if not (is_begun or (status == pq.TransactionStatus.IDLE and raw.autocommit)):
        return None
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        statement = _statement(raw, sql, params)
        query = statement.query
        name = raw._prepared._names.get((query.query, query.types))
        if name is None:
            return None
        result = raw.pgconn.exec_prepared(name, query.params, query.formats)
        if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
            raise _error(raw, result)
    return statement, result


def _statement(raw: Any, sql: str, params: Params) -> Statement:
    """The statement with these parameters, converted."""
    kept: dict[str, Statement] = raw.__dict__.setdefault("direct_statements", {})
    statement = kept.get(sql)
    if statement is not None:
        statement.query.dump(params)
        return statement
    if len(kept) >= MOST_STATEMENTS:
        kept.clear()
    statement = kept[sql] = Statement(raw, sql, params)
    return statement


def _error(raw: Any, result: Any) -> psycopg.Error:
    if raw.pgconn.status != pq.ConnStatus.OK:
        # As the cursor's: callers tell a lost connection from a mistake by the class.
        return psycopg.OperationalError(raw.pgconn.get_error_message())
    return errors.error_from_result(result, encoding=raw.info.encoding)
