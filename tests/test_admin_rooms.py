"""An operator opens, pauses and closes a waiting room."""

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.urls import reverse

from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import places, rooms
from tests.factories import StaffFactory, UserFactory, WaitingRoomFactory

pytestmark = pytest.mark.django_db

CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def page(action, room):
    return reverse(f"admin:queueing_waitingroom_{action}", args=[room.pk])


def state_of(room):
    return WaitingRoom.objects.get(pk=room.pk).state


@pytest.mark.parametrize(
    ("action", "state"),
    [("open_room", "OPEN"), ("pause_room", "PAUSED"), ("close_room", "CLOSED")],
)
@pytest.mark.parametrize("before", ["OPEN", "PAUSED", "CLOSED"])
def test_a_room_is_opened_paused_and_closed_on_confirmation(operator, action, state, before):
    room = WaitingRoomFactory(state=before)
    response = operator.post(page(action, room), CONFIRMED)
    assert response["HX-Redirect"] == page("change", room)
    assert state_of(room) == state
    assert LogEntry.objects.get(object_id=str(room.pk)).user.is_superuser


def test_a_link_alone_changes_nothing(operator):
    room = WaitingRoomFactory(state="OPEN")
    assert operator.get(page("close_room", room)).status_code == 200
    assert state_of(room) == "OPEN"


def test_who_may_only_look_turns_nothing(client):
    staff, room = StaffFactory(), WaitingRoomFactory(state="OPEN")
    staff.user_permissions.add(Permission.objects.get(codename="view_waitingroom"))
    client.force_login(staff)
    assert client.get(page("change", room)).status_code == 200
    assert client.post(page("close_room", room), CONFIRMED).status_code == 403
    assert state_of(room) == "OPEN"


def test_a_room_that_is_gone_is_not_found(operator):
    for pk in (0, "abc"):
        address = reverse("admin:queueing_waitingroom_open_room", args=[pk])
        assert operator.post(address, CONFIRMED).status_code == 404


def test_closing_sends_the_line_home_and_lets_those_inside_finish(operator):
    room = WaitingRoomFactory(capacity=1)
    inside, waiting = UserFactory(), UserFactory()
    for user in (inside, waiting):
        places.join(user=user, slug=room.slug)
    operator.post(page("close_room", room), CONFIRMED)
    assert QueueToken.objects.get(user=inside).status == "ACTIVE"
    assert QueueToken.objects.get(user=waiting).status == "EXPIRED"
    assert QueueEntryHistory.objects.get().outcome == "CLOSED"


def test_a_long_line_goes_home_in_batches(monkeypatch):
    monkeypatch.setattr(rooms, "BATCH", 2)
    room = WaitingRoomFactory(state="PAUSED")
    for user in UserFactory.create_batch(5):
        places.join(user=user, slug=room.slug)
    rooms.close_room(room_id=room.pk)
    assert QueueEntryHistory.objects.filter(outcome="CLOSED").count() == 5


def test_pausing_keeps_everybody_s_place():
    room = WaitingRoomFactory(capacity=1)
    for user in UserFactory.create_batch(3):
        places.join(user=user, slug=room.slug)
    rooms.pause_room(room_id=room.pk)
    rooms.open_room(room_id=room.pk)
    assert QueueToken.objects.waiting().count() == 2


def test_a_room_shows_how_many_wait_and_are_inside(operator):
    room = WaitingRoomFactory(capacity=1)
    for user in UserFactory.create_batch(3):
        places.join(user=user, slug=room.slug)
    rooms = operator.get(reverse("admin:queueing_waitingroom_changelist")).context["cl"].result_list
    assert [(row.waiting_count, row.active_count) for row in rooms] == [(2, 1)]


def figures(**fields):
    return {
        "title": "Room",
        "slug": "room",
        "capacity": 10,
        "admit_per_minute": 600,
        "active_seconds": 600,
        "idle_seconds": 300,
        **fields,
    }


def test_a_room_is_made_to_open_by_hand(operator):
    add = reverse("admin:queueing_waitingroom_add")
    assert operator.post(add, figures(state="PAUSED")).status_code == 302
    assert WaitingRoom.objects.get(slug="room").state == "PAUSED"


def test_a_scheduled_room_needs_its_time(operator):
    add = reverse("admin:queueing_waitingroom_add")
    response = operator.post(add, figures(state="SCHEDULED"))
    assert response.status_code == 200
    assert not WaitingRoom.objects.exists()


def test_a_scheduled_room_keeps_its_time(operator):
    time = "2030-01-01T00:00:00Z"
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=time)
    response = operator.post(page("change", room), figures(opens_at_0="", opens_at_1=""))
    assert response.status_code == 200
    assert WaitingRoom.objects.get(pk=room.pk).opens_at is not None


def test_the_form_does_not_change_state_or_address(operator):
    room = WaitingRoomFactory(state="OPEN")
    forged = figures(state="CLOSED", slug="other", title="New title")
    assert operator.post(page("change", room), forged).status_code == 302
    changed = WaitingRoom.objects.get(pk=room.pk)
    assert (changed.title, changed.state, changed.slug) == ("New title", "OPEN", room.slug)


def test_a_room_nobody_came_to_is_deleted_and_one_with_a_past_is_kept(operator):
    empty, used = WaitingRoomFactory(), WaitingRoomFactory()
    places.join(user=UserFactory(), slug=used.slug)
    for room in (empty, used):
        operator.post(page("delete", room), {"post": "yes"})
    assert list(WaitingRoom.objects.all()) == [used]
