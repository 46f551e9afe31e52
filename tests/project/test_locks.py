"""A row lock locks only its own table, not tables joined by a default ordering."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from payments.services.checkout import pay_reservations
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.ticket_cancellation import cancel_ticket
from queueing.services import admission, join_and_leave
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue

pytestmark = pytest.mark.django_db


def locking_statements(act):
    with CaptureQueriesContext(connection) as queries:
        act()
    return [query["sql"] for query in queries if "FOR NO KEY UPDATE" in query["sql"]]


def every_use_case():
    schedule = ScheduleFactory(price=1_000)
    user = UserFactory(won=100_000)
    yield lambda: held(user, schedule, 1)
    (reservation,) = held(user, schedule, 2)
    yield lambda: release_reservation(user=user, reservation_id=reservation.pk)
    (reservation,) = held(user, schedule, 3)
    yield lambda: pay_reservations(user=user, reservation_ids=[reservation.pk])
    overdue(*held(user, schedule, 4))
    yield release_expired_holds
    ticket = bought(user, schedule, 5).tickets[0]
    yield lambda: cancel_ticket(user=user, ticket_id=ticket.pk)
    token = admitted(UserFactory(), schedule)
    yield lambda: admission.admit(room_id=token.room_id)
    yield lambda: join_and_leave.leave(user=token.user, token=token.pk)


def test_no_lock_reaches_into_a_second_table():
    statements = [sql for act in every_use_case() for sql in locking_statements(act)]

    assert len(statements) > 10
    for sql in statements:
        assert " JOIN " not in sql or " FOR NO KEY UPDATE OF " in sql, sql
