"""Querysets whose SQL is built once and run often.

Building a queryset and its SQL takes Django longer than PostgreSQL takes to answer it. The queries
of a sell-out are built at their first use and kept:

    LOCKED = Prepared(lambda: Seat.objects.select_for_update().filter(AnyOf("number", "numbers")))
    LOCKED.fetch(numbers=[1, 2])
"""

from collections.abc import Callable, Sequence
from functools import cached_property, partial
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS
from django.db.models import BooleanField, Expression, F, Func, Model, QuerySet
from django.db.models.query import get_related_populators

from concertbook.db.arrays import any_of, array, hidden_from_planner
from concertbook.db.statements import fetch_all

Row = TypeVar("Row", bound=Model)


class Param(Expression):
    """A placeholder in a queryset for a value given to fetch."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        return "%s", [self]

    def fill(self, value: Any) -> Any:
        return value


class ArrayParam(Param):
    def fill(self, value: Any) -> Any:
        return array(value)


class Is(Func):
    """The condition that a column is equal to a parameter, whose value the planner does not see."""

    output_field = BooleanField()
    param: type[Param] = Param

    def __init__(self, column: str, name: str) -> None:
        super().__init__(F(column), self.param(name))

    def as_postgresql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        column, value = self.get_source_expressions()
        sql, params = compiler.compile(column)
        value_sql, value_params = compiler.compile(value)
        kind = column.output_field.db_type(connection)
        return f"{sql} = {self.compared(value_sql, kind)}", [*params, *value_params]

    def compared(self, value_sql: str, kind: str) -> str:
        return hidden_from_planner(value_sql, kind)


class AnyOf(Is):
    """The condition that a column is one of a parameter's values, sent as one array."""

    param = ArrayParam

    def compared(self, value_sql: str, kind: str) -> str:
        return any_of(value_sql, kind)


class Prepared(Generic[Row]):
    """``build`` returns a queryset of instances, with parameters where values will be.

    Supports only(), select_related() and annotate().
    """

    def __init__(self, build: Callable[[], QuerySet[Row]]) -> None:
        self.build = build

    def fetch(self, **values: Any) -> list[Row]:
        """The instances, with a value for each parameter. Locking needs a transaction."""
        sql, params, read = self._statement
        filled = [
            each.fill(values[each.name]) if isinstance(each, Param) else each for each in params
        ]
        return [read(row) for row in fetch_all(sql, filled)]

    def first(self, **values: Any) -> Row | None:
        """The first of the instances that fetch returns; None where it returns none."""
        return next(iter(self.fetch(**values)), None)

    @cached_property
    def _statement(self) -> tuple[str, Sequence[Any], Callable[[Any], Row]]:
        compiler = self.build().query.get_compiler(DEFAULT_DB_ALIAS)
        sql, params = compiler.as_sql()
        return sql, params, _reader(compiler)


class PreparedLock(Generic[Row]):
    """A queryset that locks its rows, in two variants: wait for locked rows, or skip them.

    ``build`` gets ``wait`` and returns the queryset: ``select_for_update(skip_locked=not wait)``.
    """

    def __init__(self, build: Callable[[bool], QuerySet[Row]]) -> None:
        self._waiting = Prepared(partial(build, True))
        self._skipping = Prepared(partial(build, False))

    def fetch(self, *, wait: bool, **values: Any) -> list[Row]:
        """As Prepared.fetch, inside a transaction."""
        return (self._waiting if wait else self._skipping).fetch(**values)


# Django has no public way to keep a queryset's SQL and to make instances of its rows. What is used
# here and in Prepared._statement is pinned in tests/project/test_private_apis.py.
def _reader(compiler: Any) -> Callable[[Any], Any]:
    """Creates an instance from a row, as Django's ModelIterable does."""
    info, select = compiler.klass_info, compiler.select
    model, columns = info["model"], info["select_fields"]
    start, end = columns[0], columns[-1] + 1
    names = [column.target.attname for column, _sql, _alias in select[start:end]]
    related = get_related_populators(info, select, DEFAULT_DB_ALIAS)  # type: ignore[call-arg]
    annotations = list(compiler.annotation_col_map.items())

    def read(row: Any) -> Any:
        instance = model.from_db(DEFAULT_DB_ALIAS, names, row[start:end])
        for populator in related:
            populator.populate(row, instance)
        for name, column in annotations:
            setattr(instance, name, row[column])
        return instance

    return read
