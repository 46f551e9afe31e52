"""A hold under an Idempotency-Key: sent again, it gets the first answer, byte for byte."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection, connections
from django.test import RequestFactory

from accounts.credentials import read_access_token
from accounts.models import IdempotencyKey
from concertbook.db.group_commit import Retry
from concertbook.http.fast_path import FastPath
from concertbook.wsgi import application, django_application
from payments.fast_path.hold import HOLDS, AskedToHold
from payments.models import Reservation
from payments.services.releases import release_reservation
from tests.factories import ScheduleFactory, UserFactory, held
from tests.payments.test_fast_path_buying import App, in_this_thread  # noqa: F401

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=8, price=10_000)


@pytest.fixture
def buyer(schedule):
    return App(schedule)


def bytes_of(wsgi, buyer, numbers, key, schedule_id=None, **more):
    headers = {
        "Host": "testserver",
        "Authorization": f"Bearer {buyer.access}",
        "Queue-Token": str(buyer.token),
        "Idempotency-Key": key,
    }
    path = f"/api/v1/schedules/{schedule_id or buyer.schedule.pk}/reservations/"
    factory = RequestFactory(headers=headers)
    body = json.dumps({"seats": numbers} | more)
    environ = factory.generic("POST", path, body, content_type="application/json").environ
    started = []
    content = b"".join(wsgi(environ, lambda *head: started.append(head)))
    return int(started[0][0][:3]), content


BOTH = {"fast": application, "django": FastPath(django_application, [])}


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("second", BOTH)
def test_a_hold_sent_again_gets_the_same_bytes(buyer, first, second):
    answer = bytes_of(BOTH[first], buyer, [1, 2], "a key")

    assert answer[0] == 201
    assert bytes_of(BOTH[second], buyer, [1, 2], "a key") == answer
    assert Reservation.objects.count() == 2


@pytest.mark.parametrize("first", BOTH)
@pytest.mark.parametrize("second", BOTH)
def test_a_hold_sent_again_in_another_spelling_gets_the_same_bytes(buyer, schedule, first, second):
    answer = bytes_of(BOTH[first], buyer, [1], "a key")

    capitals = str(schedule.pk).upper()
    assert bytes_of(BOTH[second], buyer, [1], "a key", capitals, unread="field") == answer
    assert answer[0] == 201


@pytest.mark.parametrize("face", BOTH)
def test_a_key_belongs_to_one_request(buyer, face):
    assert bytes_of(BOTH[face], buyer, [1], "a key")[0] == 201

    status, content = bytes_of(BOTH[face], buyer, [2], "a key")

    assert (status, json.loads(content)["code"]) == (422, "idempotency_key_reused")
    assert Reservation.objects.count() == 1


@pytest.mark.parametrize("face", BOTH)
def test_a_key_belongs_to_one_user(buyer, schedule, face):
    other = App(schedule)
    assert bytes_of(BOTH[face], buyer, [1], "a key")[0] == 201
    assert bytes_of(BOTH[face], other, [2], "a key")[0] == 201


@pytest.mark.parametrize("face", BOTH)
def test_a_refused_hold_keeps_no_key(buyer, schedule, face):
    rival = UserFactory()
    (taken,) = held(rival, schedule, 1)
    assert bytes_of(BOTH[face], buyer, [1], "a key")[0] == 409
    assert not IdempotencyKey.objects.exists()
    release_reservation(user=rival, reservation_id=taken.pk)

    assert bytes_of(BOTH[face], buyer, [1], "a key")[0] == 201


@pytest.mark.parametrize("face", BOTH)
def test_a_hold_that_is_under_way_is_in_flight(buyer, face):
    name = f"{buyer.user.pk} a key"
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtextextended(%s, 1))", [name])
        try:
            status, content = in_another_thread(bytes_of, BOTH[face], buyer, [1], "a key")
        finally:
            cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 1))", [name])

    assert (status, json.loads(content)["code"]) == (409, "idempotency_in_flight")
    assert not Reservation.objects.exists()


def in_another_thread(act, *given):
    def run():
        try:
            return act(*given)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as threads:
        return threads.submit(run).result()


def test_one_request_that_comes_twice_at_once_holds_once(buyer, schedule):
    visitor = read_access_token(buyer.access)
    twin = AskedToHold(visitor, schedule.pk, [1], buyer.token, "a key", "a hash")
    other = App(schedule)
    alone = AskedToHold(read_access_token(other.access), schedule.pk, [2], other.token)

    first, second, third = HOLDS.do_all([twin, twin, alone])

    assert isinstance(first, bytes)
    assert isinstance(second, Retry), "done alone, it finds the first one's answer"
    assert [each.seat.number for each in third] == [2]
    assert IdempotencyKey.objects.count() == 1


@pytest.mark.usefixtures("in_this_thread")
def test_a_key_costs_two_round_trips(buyer, django_assert_num_queries):
    with django_assert_num_queries(9):
        assert buyer.hold(1, 2, **{"Idempotency-Key": "a key"})[0] == 201
