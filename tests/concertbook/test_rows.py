"""Rows of models are written unchanged, many at a time."""

import datetime as dt
import uuid

import pytest
from django.db import DataError, IntegrityError, connection

from concertbook.db.rows import Insert, Recordset, Update, is_saved, write_rows
from concertbook.db.statements import fetch_all, fetch_first, fetch_row, set_local
from concerts.models import Seat, SeatStatusHistory
from tests.factories import ScheduleFactory, UserFactory

pytestmark = pytest.mark.django_db

NOW = dt.datetime(2026, 11, 30, 12, 0, 0, 123456, tzinfo=dt.UTC)


def history(seat, seq):
    return SeatStatusHistory(
        seat=seat,
        seq=seq,
        from_status=Seat.Status.HELD,
        to_status=Seat.Status.AVAILABLE,
        reason='a "reason", with {braces}, a \\ and no %s',
        changed_at=NOW,
    )


@pytest.fixture
def seats():
    return list(ScheduleFactory(seats=3).seats.order_by("number"))


def test_rows_are_read_as_they_were_written(seats):
    written = [history(seats[0], 1), history(seats[1], 1)]
    written[1].changed_by = UserFactory()

    write_rows(Insert(written))

    read = list(SeatStatusHistory.objects.order_by("pk"))
    assert read == written
    for name in ("seat_id", "seq", "reason", "changed_by_id", "changed_at", "available_from"):
        assert [getattr(row, name) for row in read] == [getattr(row, name) for row in written]


def test_what_is_inserted_has_its_key_and_counts_as_saved(seats):
    rows = [history(seat, 1) for seat in seats]
    assert not any(map(is_saved, rows))

    write_rows(Insert(rows))

    assert all(map(is_saved, rows))
    assert [row.pk for row in rows] == sorted(
        SeatStatusHistory.objects.values_list("pk", flat=True)
    )


def test_what_the_database_gives_a_value_is_left_to_it(seats):
    rows = [history(seat, 1) for seat in seats]

    write_rows(Insert(rows))

    (xid,) = fetch_row("SELECT pg_current_xact_id()::text::bigint")
    assert set(SeatStatusHistory.objects.values_list("xid", flat=True)) == {xid}


def test_a_column_that_is_null_in_every_row_is_not_sent(seats):
    rows = [history(seat, 1) for seat in seats]
    (without,) = Insert(rows).parts()
    rows[1].changed_by = UserFactory()
    (with_one,) = Insert(rows).parts()

    assert "changed_by_id" not in without.sql
    assert "changed_by_id" in with_one.sql


def test_an_update_writes_its_fields_and_its_rows_alone(seats):
    first, second, third = seats
    first.price, first.section, second.price = 1, "not written", 2

    write_rows(Update([first, second], ("price",)))

    prices = dict(Seat.objects.values_list("pk", "price"))
    assert prices == {first.pk: 1, second.pk: 2, third.pk: third.price}
    assert not Seat.objects.filter(section="not written").exists()


def test_changes_of_several_tables_are_one_statement(seats, django_assert_num_queries):
    seats[0].version = 1

    with django_assert_num_queries(1):
        write_rows(Update(seats[:1], ("version",)), Insert([history(seats[0], 1)]))

    assert Seat.objects.get(pk=seats[0].pk).version == 1
    assert SeatStatusHistory.objects.get().seat_id == seats[0].pk


def test_a_text_that_is_too_long_is_refused_not_cut(seats):
    line = history(seats[0], 1)
    line.to_status = "LONGER THAN NINE"

    with pytest.raises(DataError):
        write_rows(Insert([line]))


def test_what_a_constraint_refuses_is_not_saved(seats):
    lines = [history(seats[0], 1), history(seats[0], 1)]

    with pytest.raises(IntegrityError):
        write_rows(Insert(lines))

    assert not any(map(is_saved, lines))


def test_a_recordset_brings_its_rows_in_their_order():
    people = [(uuid.uuid4(), "b"), (uuid.uuid4(), None), (uuid.uuid4(), "a")]
    asked = Recordset("asked", who="uuid", key="text")

    assert fetch_all(f"SELECT who, key, n FROM {asked}", asked.params(people)) == [
        (*person, number) for number, person in enumerate(people, start=1)
    ]
    assert fetch_first(f"SELECT FROM {asked}", asked.params([])) is None


def test_a_parameter_that_is_set_locally_is_set_until_the_transaction_ends():
    set_local("statement_timeout", "7s")

    assert fetch_row("SHOW statement_timeout") == ("7s",)
    assert connection.in_atomic_block
