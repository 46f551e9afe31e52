"""Statuses as columns that the database computes, for the conditions of partial indexes.

A prepared statement is planned once, by what was in the tables then. Before a sale the index of
those who wait is empty, and PostgreSQL would take it even to find one of them by its key; later,
with thousands inside, it would go on to read all of them. So a partial index has such a column for
its condition, and answers the statements alone that name the column:

    all that wait            filter(is_waiting=True, room=room)
    one that is looked up    filter(status=Status.WAITING, user=user): by another index

The column is for the database. It is never read in Python: after a change of the status an
instance has its old value.
"""

from django.db.models import BooleanField, GeneratedField, Q


def status_is(*statuses: str) -> GeneratedField:
    """A column that is true while the row's ``status`` is one of these."""
    return GeneratedField(
        expression=Q(status__in=statuses),  # type: ignore[arg-type]  # the stubs know no condition
        output_field=BooleanField(),
        db_persist=True,
    )
