"""Statements without a cursor do what they do with one (concertbook/db/direct.py)."""

import uuid

import pytest
from django.db import IntegrityError, OperationalError, connection, connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from concertbook.db import direct
from concertbook.db.statements import execute, fetch_all, fetch_first
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

NAME = "SELECT name, id, created_at, '100%%' FROM accounts_user WHERE id = %s"
RENAME = "UPDATE accounts_user SET name = %s WHERE id = %s"


@pytest.fixture
def user():
    """A user, whose name was read and written so often that both statements are prepared."""
    user = UserFactory(name="Kim")
    for _time in range(3):
        fetch_all(NAME, [user.pk])
        execute(RENAME, ["Kim", user.pk])
    return user


def test_a_prepared_statement_is_run_without_a_cursor_and_reads_the_same(user, monkeypatch):
    with CaptureQueriesContext(connection):
        by_cursor = fetch_all(NAME, [user.pk])
    monkeypatch.setattr(connection, "cursor", None)

    assert fetch_all(NAME, [user.pk]) == by_cursor == [("Kim", user.pk, user.created_at, "100%")]
    assert fetch_first(NAME, [uuid.uuid4()]) is None
    assert execute(RENAME, ["Lee", user.pk]) == 1


def test_a_statement_that_is_not_prepared_is_left_to_a_cursor(user):
    assert direct.fetch("SELECT 'never asked before'", None) is None
    assert fetch_all("SELECT 'never asked before'") == [("never asked before",)]


def test_the_first_statement_of_a_transaction_begins_it(user):
    with transaction.atomic():
        execute(RENAME, ["Lee", user.pk])
        assert fetch_all(NAME, [user.pk])[0][0] == "Lee"
        transaction.set_rollback(True)

    assert User.objects.get().name == "Kim"


def test_after_a_rollback_the_driver_prepares_anew(user):
    for _time in range(3):
        with transaction.atomic():
            fetch_all(NAME, [user.pk])
            transaction.set_rollback(True)

        assert fetch_all(NAME, [user.pk])[0][0] == "Kim"


def test_a_violated_constraint_is_the_same_error(user):
    other = UserFactory()
    change = "UPDATE accounts_user SET email = %s WHERE id = %s"
    for _time in range(3):
        execute(change, [user.email, user.pk])

    with transaction.atomic():
        execute("SELECT 1")
        with pytest.raises(IntegrityError, match="unique") as error:
            execute(change, [user.email, other.pk])
        transaction.set_rollback(True)
    assert error.value.__cause__.sqlstate == "23505"


def test_a_lost_connection_is_an_operational_error_and_the_next_request_gets_a_new_one(user):
    (pid,) = fetch_first("SELECT pg_backend_pid()")
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    finally:
        other.close()

    with pytest.raises(OperationalError):
        fetch_all(NAME, [user.pk])
    connection.close_if_unusable_or_obsolete()
    assert fetch_all(NAME, [user.pk])[0][0] == "Kim"
