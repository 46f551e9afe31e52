"""The front of the line: a public file from which people in line compute how far away they are."""

import datetime as dt

import pytest
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from queueing.line import build
from queueing.models import QueueToken, WaitingRoom
from queueing.services import admission, index_build, join_and_leave, rooms
from tests.factories import UserFactory, WaitingRoomFactory
from tests.fast_path import FellThrough, ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def room():
    """Two inside, five waiting."""
    room = WaitingRoomFactory(capacity=2)
    index_build.build_missing()
    for user in UserFactory.create_batch(7):
        join_and_leave.join(user=user, slug=room.slug)
    return room


@pytest.fixture
def front(client, room):
    """Look at the front of the line."""

    def look(**headers):
        answer = client.get(f"/api/v1/waiting-rooms/{room.slug}/front/", headers=headers)
        assert answer.status_code == 200
        return answer.json()

    return look


def make_room(room, places):
    WaitingRoom.objects.filter(pk=room.pk).update(capacity=2 + places)
    assert admission.admit(room_id=room.pk) == places


def positions(room):
    waiting = QueueToken.objects.waiting().filter(room=room).order_by("position")
    return list(waiting.values_list("position", flat=True))


def test_it_is_the_first_number_that_waits(front, room):
    admission.admit(room_id=room.pk)
    assert front()["front"] == positions(room)[0]

    make_room(room, 3)

    assert front()["front"] == positions(room)[0] == 6


def test_it_is_past_all_numbers_when_no_one_waits(front, room):
    make_room(room, 5)

    assert front()["front"] == 8


def test_the_table_tells_it_without_an_index(front, room):
    make_room(room, 3)
    known = front()

    build.drop_index(room.pk)

    told = front()
    assert (told["front"], told["state"]) == (known["front"], known["state"])
    assert (told["pace_per_minute"], told["seats_left"]) == (None, None)

    for token in QueueToken.objects.waiting().filter(room=room):
        join_and_leave.leave(user=token.user, token=token.pk)
    assert front()["front"] == 8


def test_it_tells_pace_and_seats_left_and_when_it_was_so(front, room):
    WaitingRoom.objects.filter(pk=room.pk).update(capacity=1000, admit_per_minute=600)
    rooms.tell_seats_left(room_id=room.pk, seats=42)
    before = timezone.now()
    admission.admit(room_id=room.pk)

    told = front()

    assert 500 <= told["pace_per_minute"] <= 600
    assert told["seats_left"] == 42
    as_of = dt.datetime.fromisoformat(told["as_of"])
    assert abs(as_of - before) < dt.timedelta(seconds=20)


def test_an_operators_change_of_the_state_is_told_at_once(front, room):
    rooms.pause_room(room_id=room.pk)

    assert front()["state"] == "PAUSED"


def test_there_is_no_front_before_lots_are_drawn(client):
    room = WaitingRoomFactory(shuffle=True, state="SCHEDULED", opens_at=timezone.now())
    join_and_leave.join(user=UserFactory(), slug=room.slug)
    address = f"/api/v1/waiting-rooms/{room.slug}/front/"

    assert client.get(address).json()["front"] is None
    index_build.build_missing()
    assert client.get(address).json()["front"] is None

    admission.admit(room_id=room.pk)
    index_build.build_missing()
    assert client.get(address).json()["front"] == 2


def test_an_unknown_room_has_none(client):
    answer = client.get("/api/v1/waiting-rooms/nowhere/front/")

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_it_is_small_and_public(client, room):
    answer = client.get(f"/api/v1/waiting-rooms/{room.slug}/front/")

    assert len(answer.content) < 300
    assert "public" in answer["Cache-Control"]


# --- Polls of a client that watches the front ----------------------------------------------------


def poll(room, query):
    """The answer of the fast path to the last in line."""
    token = QueueToken.objects.waiting().filter(room=room).latest("position")
    headers = {"Authorization": f"Bearer {issue_tokens(token.user).access}"}
    return ask(f"/api/v1/queue-tokens/{token.pk}/?{query}", **headers)


def test_a_client_that_watches_it_polls_as_a_sign_of_life_only(room, app):
    token = QueueToken.objects.waiting().filter(room=room).latest("position")

    _status, headers, told = poll(room, "watches_front=true")
    slow = app(token.user).get(f"/api/v1/queue-tokens/{token.pk}/?watches_front=true").json()

    assert 60 <= told["poll_after_seconds"] <= 80
    assert headers["Retry-After"] == str(told["poll_after_seconds"])
    assert 60 <= slow["poll_after_seconds"] <= 80


@pytest.mark.parametrize("query", ["", "watches_front=false", "watches_front=0"])
def test_other_clients_poll_as_before(room, app, query):
    token = QueueToken.objects.waiting().filter(room=room).latest("position")

    told = app(token.user).get(f"/api/v1/queue-tokens/{token.pk}/?{query}").json()

    assert told["poll_after_seconds"] <= 2


@pytest.mark.parametrize("query", ["watches_front=1", "watches_front=true&a=b", "a"])
def test_django_answers_every_other_query(room, query):
    with pytest.raises(FellThrough):
        poll(room, query)


def test_a_query_that_is_not_a_boolean_is_refused(room, app):
    token = QueueToken.objects.waiting().filter(room=room).latest("position")

    answer = app(token.user).get(f"/api/v1/queue-tokens/{token.pk}/?watches_front=maybe")

    assert (answer.status_code, answer.json()["code"]) == (400, "malformed")


def test_before_the_draw_there_is_nothing_to_watch_and_all_poll_as_before():
    room = WaitingRoomFactory(shuffle=True, state="PAUSED")
    join_and_leave.join(user=UserFactory(), slug=room.slug)
    index_build.build_missing()

    _status, _headers, told = poll(room, "watches_front=true")

    assert told["poll_after_seconds"] <= 2
