"""An operator opens, pauses, slows, drains and closes a waiting room."""

import datetime as dt
import re

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import Activity
from queueing.admin.rooms import ACTIONS_IN_STATE
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import admission, join_and_leave, rooms
from queueing.services.room_counts import with_line_counts
from tests.factories import ConcertFactory, StaffFactory, UserFactory, WaitingRoomFactory

pytestmark = pytest.mark.django_db

MINUTE = dt.timedelta(minutes=1)
CONFIRMED = {"_form_submitted": "True"}


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def page(action, room):
    return reverse(f"admin:queueing_waitingroom_{action}", args=[room.pk])


def state_of(room):
    return WaitingRoom.objects.get(pk=room.pk).state


TURNS = [
    ("open_room", "OPEN"),
    ("pause_room", "PAUSED"),
    ("drain_room", "DRAINING"),
    ("close_room", "CLOSED"),
]


@pytest.mark.parametrize(("action", "state"), TURNS)
@pytest.mark.parametrize("before", ["OPEN", "PAUSED", "DRAINING", "CLOSED"])
def test_a_room_is_opened_paused_drained_and_closed_on_confirmation(
    operator, action, state, before
):
    room = WaitingRoomFactory(state=before)
    response = operator.post(page(action, room), CONFIRMED)
    assert response["HX-Redirect"] == page("change", room)
    assert state_of(room) == state
    assert Activity.objects.get(target_key=str(room.pk)).actor.is_superuser


def logged(room):
    entry = Activity.objects.get(target_key=str(room.pk))
    return entry.act, entry.old, entry.new, entry.reason


def test_the_log_says_what_was_changed_from_what_to_what(operator):
    room, slowed, edited = WaitingRoomFactory.create_batch(3, capacity=10, admit_per_minute=600)
    pace = {"admit_per_minute": "60", "capacity": "10"}
    form = figures(slug=edited.slug, title=edited.title, capacity=5)

    operator.post(page("pause_room", room), CONFIRMED | {"reason": "The site is slow"})
    operator.post(page("set_pace", slowed), CONFIRMED | pace)
    operator.post(page("change", edited), form)

    opened, paused = {"state": "OPEN"}, {"state": "PAUSED"}
    assert logged(room) == ("room.pause", opened, paused, "The site is slow")
    assert logged(slowed) == (
        "room.pace",
        {"admit_per_minute": 600},
        {"admit_per_minute": 60},
        "",
    )
    assert logged(edited) == ("row.change", {"capacity": 10}, {"capacity": 5}, "")


def test_a_button_without_effect_is_logged_too(operator):
    room = WaitingRoomFactory(state="OPEN")
    operator.post(page("open_room", room), CONFIRMED)
    assert logged(room) == ("room.open", {}, {}, "")


def test_a_link_alone_changes_nothing(operator):
    room = WaitingRoomFactory(state="OPEN")
    assert operator.get(page("close_room", room)).status_code == 200
    assert state_of(room) == "OPEN"


@pytest.mark.parametrize("action", [*dict(TURNS), "set_pace"])
def test_an_operator_with_view_permission_cannot_open_or_close_a_room(client, action):
    staff, room = StaffFactory(), WaitingRoomFactory(state="OPEN")
    staff.user_permissions.add(Permission.objects.get(codename="view_waitingroom"))
    client.force_login(staff)
    pace = {"admit_per_minute": "1", "capacity": "1"}
    shown = client.get(page("change", room))
    assert shown.status_code == 200
    assert shown.context["actions_detail"] == []
    assert client.get(page(action, room)).status_code == 403
    assert client.post(page(action, room), CONFIRMED | pace).status_code == 403
    unchanged = WaitingRoom.objects.get(pk=room.pk)
    assert (unchanged.state, unchanged.capacity) == ("OPEN", room.capacity)
    assert not Activity.objects.exists()


@pytest.mark.parametrize("state", ACTIONS_IN_STATE)
def test_a_room_has_the_buttons_that_make_sense_in_its_state(operator, state):
    room = WaitingRoomFactory(state=state, opens_at="2030-01-01T00:00:00Z")
    buttons = operator.get(page("change", room)).context["actions_detail"]
    addresses = {button["path"] for button in buttons}
    assert addresses == {page(action, room) for action in ACTIONS_IN_STATE[state]}


def test_the_pace_is_asked_for_as_it_is(operator):
    room = WaitingRoomFactory(capacity=7, admit_per_minute=42)
    dialog = operator.get(page("set_pace", room)).content.decode()
    assert 'value="7"' in dialog
    assert 'value="42"' in dialog
    # The room's own form is behind the dialog.
    assert 'for="pace_capacity"' in dialog


@pytest.mark.parametrize("figure", ["0", "-1", "", "fast", "99999999999"])
def test_an_invalid_pace_is_asked_for_again(operator, figure):
    room = WaitingRoomFactory(admit_per_minute=42)
    pace = {"admit_per_minute": figure, "capacity": "5"}
    response = operator.post(page("set_pace", room), CONFIRMED | pace)
    assert response.status_code == 200
    assert "HX-Redirect" not in response
    assert WaitingRoom.objects.get(pk=room.pk).admit_per_minute == 42


def test_a_slower_pace_counts_at_the_next_tick(operator):
    room = WaitingRoomFactory(state="PAUSED")
    line_up(room, 5)
    pace = {"admit_per_minute": "2", "capacity": "100"}
    operator.post(page("set_pace", room), CONFIRMED | pace)
    operator.post(page("open_room", room), CONFIRMED)
    assert admission.admit_waiting() == 2


def test_a_form_opened_before_the_room_was_paused_does_not_open_it_again(operator, monkeypatch):
    room = WaitingRoomFactory(state="OPEN")
    save = WaitingRoom.save

    def paused_meanwhile(self, *args, **kwargs):
        WaitingRoom.objects.filter(pk=room.pk).update(state="PAUSED")
        save(self, *args, **kwargs)

    monkeypatch.setattr(WaitingRoom, "save", paused_meanwhile)
    operator.post(page("change", room), figures(title=room.title, capacity=5))
    changed = WaitingRoom.objects.get(pk=room.pk)
    assert (changed.state, changed.capacity) == ("PAUSED", 5)


def line_up(room, people):
    """Let this many users join; the users in the order of the line."""
    users = UserFactory.create_batch(people)
    for user in users:
        join_and_leave.join(user=user, slug=room.slug)
    return users


def test_a_room_that_is_gone_is_not_found(operator):
    for pk in (0, "abc"):
        address = reverse("admin:queueing_waitingroom_open_room", args=[pk])
        assert operator.post(address, CONFIRMED).status_code == 404


def test_closing_ends_the_line_and_lets_buyers_inside_finish(operator):
    room = WaitingRoomFactory(capacity=1)
    inside, waiting = UserFactory(), UserFactory()
    for user in (inside, waiting):
        join_and_leave.join(user=user, slug=room.slug)
    operator.post(page("close_room", room), CONFIRMED)
    assert QueueToken.objects.get(user=inside).status == "ACTIVE"
    assert QueueToken.objects.get(user=waiting).status == "EXPIRED"
    assert QueueEntryHistory.objects.get().outcome == "CLOSED"


def test_ticks_end_the_line_of_a_closed_room_in_batches(monkeypatch):
    monkeypatch.setattr(rooms, "BATCH", 2)
    monkeypatch.setattr(admission, "MOST_AT_ONCE", 2)
    room = WaitingRoomFactory(state="PAUSED")
    for user in UserFactory.create_batch(5):
        join_and_leave.join(user=user, slug=room.slug)
    sent_home = QueueEntryHistory.objects.filter(outcome="CLOSED")

    rooms.close_room(room_id=room.pk)
    assert sent_home.count() == 2
    admission.admit_waiting()
    assert sent_home.count() == 4
    admission.admit_waiting()
    assert sent_home.count() == 5


def test_pausing_keeps_every_place():
    room = WaitingRoomFactory(capacity=1)
    for user in UserFactory.create_batch(3):
        join_and_leave.join(user=user, slug=room.slug)
    rooms.pause_room(room_id=room.pk)
    rooms.open_room(room_id=room.pk)
    assert QueueToken.objects.waiting().count() == 2


def test_a_list_of_rooms_shows_how_many_wait_are_inside_and_were_just_let_in(operator):
    line_up(WaitingRoomFactory(capacity=1), 3)
    rooms = operator.get(reverse("admin:queueing_waitingroom_changelist")).context["cl"].result_list
    counts = [(row.waiting_count, row.active_count, row.admitted_count) for row in rooms]
    assert counts == [(2, 1, 1)]


def test_only_those_let_in_within_the_last_minute_count_as_just_let_in():
    room = WaitingRoomFactory()
    line_up(room, 2)
    first = QueueToken.objects.order_by("position").first()
    QueueToken.objects.filter(pk=first.pk).update(available_at=F("available_at") - MINUTE)
    counted = with_line_counts(WaitingRoom.objects.all()).get()
    assert (counted.active_count, counted.admitted_count) == (2, 1)


def test_a_list_of_rooms_stops_counting_a_long_line_and_a_room_counts_it_all(operator, monkeypatch):
    monkeypatch.setattr("queueing.admin.rooms.MANY", 2)
    room = WaitingRoomFactory(capacity=1)
    line_up(room, 4)
    listed = operator.get(reverse("admin:queueing_waitingroom_changelist")).content.decode()
    own = operator.get(page("change", room)).content.decode()
    assert "2+" in listed
    assert "2+" not in own
    assert re.search(r">\s*3\s*<", own)


def test_the_line_is_counted_once_for_a_page(operator):
    room = WaitingRoomFactory(capacity=1)
    with CaptureQueriesContext(connection) as queries:
        operator.get(page("change", room))
    assert sum("count(*)" in query["sql"] for query in queries) == 1


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


def deletion(room):
    selected = {"action": "delete_selected", "_selected_action": [str(room.pk)], "post": "yes"}
    return reverse("admin:queueing_waitingroom_changelist"), selected


def test_only_a_room_without_joins_can_be_deleted(operator):
    empty, selected, used = (WaitingRoomFactory(shuffle=True) for _ in range(3))
    concerts = ConcertFactory().waiting_room
    join_and_leave.join(user=UserFactory(), slug=used.slug)
    for room in (empty, used, concerts):
        operator.post(page("delete", room), {"post": "yes"})
    for room in (selected, used, concerts):
        operator.post(*deletion(room))
    assert set(WaitingRoom.objects.all()) == {used, concerts}


def test_a_room_with_a_past_has_no_delete_button_and_nothing_below_it_is_read(operator):
    room = WaitingRoomFactory(capacity=1)
    for user in UserFactory.create_batch(20):
        join_and_leave.join(user=user, slug=room.slug)
    delete = page("delete", room)

    assert delete not in operator.get(page("change", room)).content.decode()
    with CaptureQueriesContext(connection) as queries:
        assert operator.get(delete).status_code == 403
        assert operator.post(delete, {"post": "yes"}).status_code == 403
        address, selected = deletion(room)
        kept = operator.post(address, selected)
    assert kept.context["protected"]
    rows = [query["sql"] for query in queries if 'FROM "queueing_queuetoken"' in query["sql"]]
    assert all("SELECT 1" in sql or "count(*)" in sql for sql in rows)
    assert QueueToken.objects.count() == 20
