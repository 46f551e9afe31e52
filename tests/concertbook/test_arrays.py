"""Values of an array arrive in the database unchanged."""

import datetime as dt

import pytest
from django.db import connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from concertbook.db.arrays import array

pytestmark = pytest.mark.django_db

# PostgreSQL's text can contain neither NUL nor surrogates.
TEXT = some.text(some.characters(codec="utf-8", exclude_characters="\0"), max_size=20)
MOMENTS = some.datetimes(timezones=some.just(dt.UTC)).filter(lambda moment: moment.year > 1900)


@pytest.mark.parametrize(
    ("type_", "values"),
    [
        ("uuid", some.uuids()),
        ("bigint", some.integers(-(2**63), 2**63 - 1)),
        ("text", TEXT | some.sampled_from(["", "NULL", "null", "{}", ",", '"', "\\", "\\x00"])),
        ("bytea", some.binary(max_size=20)),
        ("timestamptz", MOMENTS),
    ],
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=some.data())
def test_arrays_survive_the_round_trip(data, type_, values):
    column = data.draw(some.lists(values | some.none(), max_size=5))

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT value FROM unnest(%s::{type_}[]) AS value", [array(column)])
        assert [value for (value,) in cursor.fetchall()] == column
