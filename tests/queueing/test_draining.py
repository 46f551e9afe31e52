"""A draining room: it refuses joins, admits the whole line, then closes."""

import datetime as dt

import pytest
from django.utils import timezone

from queueing.errors import WaitingRoomClosed, WaitingRoomDraining
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import admission, index_build, join_and_leave, rooms
from queueing.services.join_and_leave import join, leave
from tests.factories import UserFactory, WaitingRoomFactory, expected_to_ask

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def room():
    return WaitingRoomFactory(capacity=1)


@pytest.fixture
def people(room):
    """One inside and two in line, before the room drains."""
    users = UserFactory.create_batch(3)
    for user in users:
        join(user=user, slug=room.slug)
    rooms.drain_room(room_id=room.pk)
    return users


def state_of(room):
    return WaitingRoom.objects.get(pk=room.pk).state


def token_of(user):
    return QueueToken.objects.get(user=user)


def test_joins_are_refused(room, people, app):
    with pytest.raises(WaitingRoomDraining):
        join(user=UserFactory(), slug=room.slug)

    refused = app(UserFactory()).post(f"/api/v1/waiting-rooms/{room.slug}/tokens/")

    assert (refused.status_code, refused.json()["code"]) == (409, "waiting_room_closed")
    assert QueueToken.objects.count() == 3


def test_a_buyer_in_line_or_inside_keeps_the_place(room, people):
    for user in people:
        place, joined = join(user=user, slug=room.slug)
        assert (place.token, joined) == (token_of(user).pk, False)


def test_a_buyer_whose_admission_is_over_may_not_join_again(room, people):
    over = timezone.now() - dt.timedelta(minutes=1)
    QueueToken.objects.filter(user=people[0]).update(expires_at=over)

    with pytest.raises(WaitingRoomDraining):
        join(user=people[0], slug=room.slug)


def test_the_line_is_served_in_order_to_its_end_and_then_the_room_closes(room, people):
    for inside, *_after in (people[0:], people[1:], people[2:]):
        admission.admit_waiting()
        assert token_of(inside).is_admitted
        assert state_of(room) == "DRAINING"
        leave(user=inside, token=token_of(inside).pk)
    admission.admit_waiting()

    assert state_of(room) == "CLOSED"
    with pytest.raises(WaitingRoomClosed):
        join(user=UserFactory(), slug=room.slug)


def test_it_does_not_close_while_a_buyer_is_inside(room, people):
    for user in people[1:]:
        leave(user=user, token=token_of(user).pk)

    admission.admit_waiting()

    assert state_of(room) == "DRAINING"


def test_an_idle_token_does_not_keep_it_open(room, people):
    index_build.build_missing()
    for user in people[1:]:
        expected_to_ask(token_of(user), seconds_ago=room.idle_seconds + 9)
    leave(user=people[0], token=token_of(people[0]).pk)

    admission.admit_waiting()
    admission.admit_waiting()

    outcomes = QueueEntryHistory.objects.order_by("pk").values_list("outcome", flat=True)
    assert list(outcomes) == ["LEFT", "IDLE", "IDLE"]
    assert state_of(room) == "CLOSED"


def test_it_may_be_opened_again(room, people):
    rooms.open_room(room_id=room.pk)

    place, joined = join_and_leave.join(user=UserFactory(), slug=room.slug)

    assert (joined, place.ahead, place.room_state) == (True, 2, "OPEN")
