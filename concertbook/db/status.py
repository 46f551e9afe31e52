"""Statuses as columns that the database computes, for the conditions of partial indexes.

A prepared statement is planned once, by the statistics of that moment. Before a sale the partial
index of waiting rows is empty, and PostgreSQL would use it even to look up one row by its key;
later, with thousands of waiting rows, the same plan would read all of them. So a partial index has
such a column as its condition, and only statements that name the column use it:

    all that wait            filter(is_waiting=True, room=room)
    one that is looked up    filter(status=Status.WAITING, user=user): by another index

The column is for the database only. Do not read it in Python: after a change of the status an
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
