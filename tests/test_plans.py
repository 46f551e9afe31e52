"""A statement that is planned once finds the few by their index, however many have gone."""

import datetime as dt
import itertools
import re
from contextlib import contextmanager

import pytest
from django.db import connection
from django.db.models import F

from accounts.services import settle_pending_charges
from concertbook.literals import Literal
from payments.services.releases import release_expired_holds
from queueing.models import QueueToken
from queueing.services import index
from queueing.services.admission import admit
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
    overdue,
)

pytestmark = pytest.mark.django_db(transaction=True)

GONE = 20_000


@contextmanager
def statements():
    """What is sent to the database meanwhile."""
    seen = []

    def see(execute, sql, *args):
        seen.append(sql)
        return execute(sql, *args)

    with connection.execute_wrapper(see):
        yield seen


def plan(sql):
    """As PostgreSQL plans a prepared statement, which is before it knows the parameters."""
    numbers = itertools.count(1)
    numbered = re.sub("%s", lambda _slot: f"${next(numbers)}", sql)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (GENERIC_PLAN, COSTS OFF) {numbered}")
        return "\n".join(line for (line,) in cursor.fetchall())


@pytest.fixture
def room():
    """A room that 20,000 have been through."""
    room = WaitingRoomFactory(capacity=3)
    user = UserFactory()
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO queueing_queuetoken
                (token, user_id, room_id, position, status, issued_at, available_at, expires_at,
                 last_request_at)
            SELECT gen_random_uuid(), %s, %s, n, 'EXPIRED', now() - interval '1 hour',
                   now() - interval '1 hour', now() - interval '50 minutes', now()
            FROM generate_series(1, %s) AS n
            """,
            [user.pk, room.pk, GONE],
        )
        cursor.execute("SELECT setval('queueing_position_' || %s, %s)", [room.pk, GONE])
        cursor.execute("ANALYZE queueing_queuetoken")
    return room


def test_a_tick_does_not_look_through_those_who_are_gone(room):
    schedule = ScheduleFactory(concert__waiting_room=room)
    for _guest in range(3):
        admitted(UserFactory(), schedule)
    QueueToken.objects.active().update(
        available_at=F("available_at") - dt.timedelta(hours=1),
        expires_at=F("expires_at") - dt.timedelta(hours=1),
    )
    index.build_missing()

    with statements() as seen:
        admit(room_id=room.pk)

    assert QueueToken.objects.active().count() == 0
    looked = [sql for sql in seen if 'FROM "queueing_queuetoken"' in sql]
    assert len(looked) > 4
    for sql in looked:
        assert "Seq Scan" not in plan(sql), sql
        assert "queueing_queuetoken_position_unique" not in plan(sql), sql


def test_a_sweep_does_not_look_through_holds_that_have_ended():
    overdue(*held(UserFactory(), ScheduleFactory()))

    with statements() as seen:
        assert release_expired_holds() == 1

    (sql, *_more) = [sql for sql in seen if '"payments_reservation"."expires_at"' in sql]
    assert "payments_reservation_due" in plan(sql)


def test_a_sweep_does_not_look_through_charges_that_are_settled():
    with statements() as seen:
        settle_pending_charges()

    (sql,) = [sql for sql in seen if 'FROM "accounts_charge"' in sql]
    assert "accounts_charge_pending" in plan(sql)


def tables_read_from_end_to_end():
    """How often, by table, counting what this connection has done so far."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_stat_force_next_flush()")
        cursor.execute("SELECT relname, seq_scan FROM pg_stat_user_tables WHERE seq_scan > 0")
        return dict(cursor.fetchall())


def test_a_sale_that_begins_on_empty_tables_does_not_read_all_of_them_once_they_have_filled():
    schedule = ScheduleFactory(seats=20)
    buyers = UserFactory.create_batch(10, won=1_000_000)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")  # as autovacuum does, any minute
    before = tables_read_from_end_to_end()

    # Often enough for plans that are made for good, in triggers and foreign keys as well.
    for number, buyer in enumerate(buyers, start=1):
        bought(buyer, schedule, number)

    assert tables_read_from_end_to_end() == before


def test_nothing_but_a_word_stands_in_a_statement():
    with pytest.raises(ValueError, match="is not a word"):
        QueueToken.objects.filter(status=Literal("'; --")).exists()
