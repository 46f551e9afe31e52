"""The line with single requests and ticks; concurrent ones are in tests/concurrency."""

import datetime as dt

import pytest
from django.utils import timezone

from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import admission, index_build, join_and_leave, polling, rooms
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
    expected_to_ask,
)

pytestmark = pytest.mark.django_db


def join(room, user=None):
    place, _joined = join_and_leave.join(user=user or UserFactory(), slug=room.slug)
    return QueueToken.objects.get(pk=place.token)


def statuses(room):
    return list(QueueToken.objects.filter(room=room).values_list("status", flat=True))


def test_a_room_with_places_lets_in_at_once():
    assert join(WaitingRoomFactory()).status == "ACTIVE"


def test_a_room_with_places_lets_in_at_once_also_who_is_not_the_first_in_line(monkeypatch):
    room = WaitingRoomFactory(capacity=2)
    index_build.build_missing()
    admission.admit_waiting()
    with monkeypatch.context() as patch:
        # As two who join at the same moment: neither is let in before both are in line.
        patch.setattr(join_and_leave, "admit_now", lambda *, room_id: None)
        join(room)

    assert join(room).status == "ACTIVE"
    assert statuses(room) == ["ACTIVE", "ACTIVE"]


def test_joins_of_a_full_room_leave_admission_to_the_tick(monkeypatch):
    room = WaitingRoomFactory(capacity=1)
    index_build.build_missing()
    for _ in range(2):
        join(room)
    admission.admit_waiting()
    monkeypatch.setattr(join_and_leave, "admit_now", None)

    assert join(room).status == "WAITING"


def test_a_full_room_lets_wait_and_the_next_is_let_in_when_a_place_is_left(app):
    room = WaitingRoomFactory(capacity=1)
    first = join(room)
    second, third = join(room), join(room)
    assert statuses(room) == ["ACTIVE", "WAITING", "WAITING"]
    place = polling.get_position(user=third.user, token=third.pk)
    assert (place.ahead, place.status) == (1, "WAITING")

    join_and_leave.leave(user=first.user, token=first.pk)

    assert statuses(room) == ["EXPIRED", "ACTIVE", "WAITING"]
    assert polling.get_position(user=second.user, token=second.pk).status == "ACTIVE"


def test_no_more_than_so_many_are_let_in_within_a_minute():
    room = WaitingRoomFactory(capacity=100, admit_per_minute=2)
    for _ in range(4):
        join(room)
    assert statuses(room) == ["ACTIVE", "ACTIVE", "WAITING", "WAITING"]

    two_minutes_ago = timezone.now() - dt.timedelta(minutes=2)
    QueueToken.objects.active().update(available_at=two_minutes_ago)
    admission.admit_waiting()

    assert statuses(room) == ["ACTIVE"] * 4


def test_an_expired_admission_makes_room_for_the_next():
    room = WaitingRoomFactory(capacity=1)
    first, second = join(room), join(room)
    QueueToken.objects.filter(pk=first.pk).update(expires_at=timezone.now())

    admission.admit_waiting()

    assert statuses(room) == ["EXPIRED", "ACTIVE"]
    entry = QueueEntryHistory.objects.get()
    assert (entry.token_id, entry.outcome, entry.was_admitted) == (first.pk, "TIMED_OUT", True)
    assert entry.duration_seconds >= 0
    assert polling.get_position(user=second.user, token=second.pk).ahead == 0


def test_a_waiting_token_that_stops_polling_is_ended():
    room = WaitingRoomFactory(capacity=1, idle_seconds=60)
    join(room)
    index_build.build_missing()
    gone, still_here = join(room), join(room)
    expected_to_ask(gone, seconds_ago=90)
    expected_to_ask(still_here, seconds_ago=30)

    admission.admit_waiting()

    assert statuses(room) == ["ACTIVE", "EXPIRED", "WAITING"]
    assert QueueEntryHistory.objects.get().outcome == "IDLE"
    assert polling.get_position(user=still_here.user, token=still_here.pk).ahead == 0


def test_a_paused_room_keeps_its_order_and_ends_no_token():
    room = WaitingRoomFactory(capacity=1, idle_seconds=60)
    for _ in range(3):
        join(room)
    rooms.pause_room(room_id=room.pk)
    index_build.build_missing()
    for token in QueueToken.objects.waiting():
        expected_to_ask(token, seconds_ago=600)
    QueueToken.objects.filter(status="ACTIVE").update(expires_at=timezone.now())

    admission.admit_waiting()

    assert statuses(room) == ["EXPIRED", "WAITING", "WAITING"]


def test_people_may_come_before_a_room_opens_and_are_let_in_when_it_does():
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=timezone.now() + dt.timedelta(hours=1))
    token = join(room)
    assert token.status == "WAITING"
    assert polling.get_position(user=token.user, token=token.pk).estimated_wait_seconds > 3500

    WaitingRoom.objects.update(opens_at=timezone.now())
    admission.admit_waiting()

    assert statuses(room) == ["ACTIVE"]
    assert WaitingRoom.objects.get().state == "OPEN"


def test_joining_again_keeps_the_place_and_the_token():
    room = WaitingRoomFactory(capacity=1)
    join(room)
    user = UserFactory()
    first = join(room, user)
    join(room)
    assert join(room, user) == first


def test_a_buyer_whose_admission_is_over_joins_again_at_the_end():
    room = WaitingRoomFactory(capacity=1)
    user = UserFactory()
    first = join(room, user)
    waiting = join(room)
    QueueToken.objects.filter(pk=first.pk).update(expires_at=timezone.now())

    again = join(room, user)

    assert again != first
    assert again.position > waiting.position
    assert again.status == "WAITING"


def test_a_join_of_a_closed_room_is_refused(app):
    room = WaitingRoomFactory(state="CLOSED")
    refused = app(UserFactory()).post(f"/api/v1/waiting-rooms/{room.slug}/tokens/")
    assert (refused.status_code, refused.json()["code"]) == (409, "waiting_room_closed")


def test_a_closed_room_still_ends_its_admissions():
    room = WaitingRoomFactory(capacity=1)
    token = join(room)
    rooms.close_room(room_id=room.pk)
    assert statuses(room) == ["ACTIVE"]
    QueueToken.objects.filter(pk=token.pk).update(expires_at=timezone.now())

    admission.admit_waiting()

    assert QueueEntryHistory.objects.get().outcome == "TIMED_OUT"


def test_paying_for_the_last_hold_ends_the_admission():
    schedule = ScheduleFactory()
    schedule.concert.waiting_room.capacity = 1
    schedule.concert.waiting_room.save()
    bought(UserFactory(won=100_000), schedule, 1, 2)

    assert QueueEntryHistory.objects.get().outcome == "PAID"
    assert join(schedule.concert.waiting_room).status == "ACTIVE"


def test_a_poll_tells_when_to_ask_again_and_leaving_is_final(app):
    room = WaitingRoomFactory(capacity=1)
    join(room)
    token = join(room)
    client = app(token.user)
    path = f"/api/v1/queue-tokens/{token.pk}/"

    polled = client.get(path)
    assert polled["Retry-After"] == str(polled.json()["poll_after_seconds"])
    assert polled.json()["position"] == token.position
    assert client.delete(path).status_code == 204
    assert client.delete(path).status_code == 204
    assert client.get(path).json()["status"] == "EXPIRED"
    assert QueueEntryHistory.objects.get().outcome == "LEFT"
