"""The log: what staff and system did, with the values before and after."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone, translation

from accounts.acts import acts
from accounts.log_words import changes_of
from accounts.models import Activity
from accounts.services import activity
from concerts.models import Concert, ConcertSchedule
from operations.services.exports import chunks_of, queue_export, write_slice
from payments.services.check_ins import undo_check_in
from queueing.models import WaitingRoom
from queueing.services.admission import admit
from queueing.services.rooms import drain_room
from tests.concertbook.test_admin_forms import form_at
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    ago,
    bought,
    scanned,
)

pytestmark = pytest.mark.django_db

LOG = "admin:accounts_activity_changelist"
ENGLISH = {"accept-language": "en"}


@pytest.fixture
def operator(client):
    staff = StaffFactory(is_superuser=True, name="박선아")
    client.force_login(staff)
    return staff


def entries(**which):
    return list(Activity.objects.filter(**which).order_by("pk"))


def test_a_form_of_the_admin_is_logged_with_the_values_before_and_after(client, operator):
    room = WaitingRoomFactory(title="Old title", capacity=10)
    address = reverse("admin:queueing_waitingroom_change", args=[room.pk])

    client.post(address, form_at(client, address) | {"title": "New title", "capacity": "20"})

    (entry,) = entries(act="row.change")
    assert (entry.actor, entry.actor_name, entry.actor_email) == (
        operator,
        "박선아",
        operator.email,
    )
    assert (entry.target_type.model_class(), entry.target_key) == (WaitingRoom, str(room.pk))
    assert entry.old == {"title": "Old title", "capacity": 10}
    assert entry.new == {"title": "New title", "capacity": 20}


def test_a_form_without_a_change_is_not_logged(client, operator):
    room = WaitingRoomFactory()
    address = reverse("admin:queueing_waitingroom_change", args=[room.pk])
    client.post(address, form_at(client, address))
    assert entries(actor=operator) == []


def test_a_row_that_is_changed_on_anothers_page_has_its_own_entry(client, operator):
    schedule = ScheduleFactory(price=10_000)
    address = reverse("admin:concerts_concert_change", args=[schedule.concert.pk])

    client.post(address, form_at(client, address) | {"schedules-0-price": "12000"})

    (entry,) = entries(act="row.change")
    assert (entry.target_type.model_class(), entry.target_key) == (
        ConcertSchedule,
        str(schedule.pk),
    )
    assert (entry.old, entry.new) == ({"price": 10_000}, {"price": 12_000})
    history = client.get(reverse("admin:concerts_concertschedule_history", args=[schedule.pk]))
    (shown, _generated) = history.context["entries"]
    assert [(each.old, each.new) for each in shown.changes] == [("10,000", "12,000")]


def test_what_is_related_is_logged_by_its_text_and_a_password_never(client, operator):
    user = UserFactory(is_staff=True)
    group = Group.objects.create(name="A group")
    address = reverse("admin:accounts_user_change", args=[user.pk])
    client.post(address, form_at(client, address) | {"groups": [str(group.pk)]})
    password = reverse("admin:auth_user_password_change", args=[user.pk])
    secret = {"password1": "Quiet-Harbor-4821!", "password2": "Quiet-Harbor-4821!"}
    client.post(password, secret)

    groups, secret_change = entries(act="row.change")
    assert (groups.old, groups.new) == ({"groups": []}, {"groups": ["A group"]})
    assert (secret_change.old, secret_change.new) == ({"password": "***"}, {"password": "***"})


@pytest.mark.parametrize("by_list", [False, True])
def test_a_row_that_was_deleted_is_in_the_log_as_it_was(client, operator, by_list):
    room = WaitingRoomFactory(title="Gone", capacity=7)
    if by_list:
        chosen = {"action": "delete_selected", "_selected_action": [room.pk], "post": "yes"}
        client.post(reverse("admin:queueing_waitingroom_changelist"), chosen)
    else:
        address = reverse("admin:queueing_waitingroom_delete", args=[room.pk])
        client.post(address, {"post": "yes"})
    assert not WaitingRoom.objects.exists()
    (entry,) = entries(act="row.delete")
    assert (entry.target_text, entry.old["capacity"], entry.new) == ("Gone", 7, None)


def test_a_row_that_was_added_is_logged_with_its_values(client, operator):
    form = {"title": "Room", "slug": "room", "state": "OPEN", "capacity": "5"}
    form |= {"admit_per_minute": "60", "active_seconds": "600", "idle_seconds": "120"}
    client.post(reverse("admin:queueing_waitingroom_add"), form)
    (entry,) = entries(act="row.add")
    assert (entry.old, entry.new["capacity"]) == (None, 5)


def test_what_the_tick_does_to_a_room_is_the_systems():
    opening = WaitingRoomFactory(state="SCHEDULED", opens_at=ago(seconds=1).function())
    empty, staff = WaitingRoomFactory(state="OPEN"), StaffFactory()
    drain_room(room_id=empty.pk, actor=staff, reason="Sold out")
    for room in (opening, empty):
        admit(room_id=room.pk)
    logged = [(each.act, each.actor, each.reason) for each in entries()]
    assert logged == [
        ("room.drain", staff, "Sold out"),
        ("room.open", None, ""),
        ("room.close", None, ""),
    ]


def test_an_undone_check_in_and_an_export_are_logged(client, operator):
    schedule, buyer = ScheduleFactory(doors_open=True), UserFactory(won=100_000)
    checked_in = scanned(bought(buyer, schedule, 1).tickets[0])
    undo_check_in(check_in_id=checked_in.pk, by=operator, reason="The wrong guest")
    queue_export(user=operator, model="payments.Payment", query="q=x%40y", columns=["id"])
    undone, queued = entries(actor=operator)
    assert (undone.act, undone.reason) == ("check_in.undo", "The wrong guest")
    assert queued.act == "export.queue"
    assert queued.new["query"] == "q=***", "the log could not forget the person searched for"


def test_an_entry_of_an_act_that_fails_is_not_kept():
    with transaction.atomic():
        activity.record(actor=None, act="audit.run")
        transaction.set_rollback(True)
    assert entries() == []


def test_the_reader_sees_who_what_values_and_why_in_their_language(client, operator):
    room = WaitingRoomFactory(title="7월 공연")
    activity.record(
        actor=operator,
        act="room.pause",
        target=room,
        old={"state": "OPEN"},
        new={"state": "PAUSED"},
        reason="결제가 느림",
    )
    english = client.get(reverse(LOG), headers=ENGLISH).content.decode()
    korean = client.get(reverse(LOG), headers={"accept-language": "ko"}).content.decode()
    at = timezone.localtime(Activity.objects.get().at)
    for shown in (english, korean):
        assert f"{at:%Y-%m-%d %H:%M:%S}" in shown
        assert operator.email in shown
        assert "결제가 느림" in shown
        assert reverse("admin:queueing_waitingroom_change", args=[room.pk]) in shown
    assert "State: Open → Paused" in english
    assert "상태: 오픈 → 일시 정지" in korean


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ({"act": "room.pause"}, 1),
        ({"from": "system"}, 1),
        ({"from": "staff"}, 1),
        ({"at_from_0": "2030-01-01", "at_from_1": "00:00:00"}, 0),
    ],
)
def test_the_log_is_filtered(client, operator, query, found):
    activity.record(actor=operator, act="room.pause", target=WaitingRoomFactory())
    activity.record(actor=None, act="audit.run")
    listed = client.get(reverse(LOG), query).context["cl"]
    assert len(listed.result_list) == found


def test_the_log_is_searched_by_address_and_by_number_with_an_index(client, operator):
    room, other = WaitingRoomFactory(), UserFactory()
    activity.record(actor=operator, act="room.pause", target=room)
    activity.record(actor=None, act="row.change", target=other)
    for term, found in (
        (operator.email, 1),
        (other.email, 1),
        (str(other.pk).upper(), 1),
        ("x", 0),
    ):
        assert len(client.get(reverse(LOG), {"q": term}).context["cl"].result_list) == found


def test_the_log_takes_the_same_queries_for_any_number_of_entries(client, operator):
    def queries():
        with CaptureQueriesContext(connection) as captured:
            client.get(reverse(LOG))
        return len(captured)

    activity.record(actor=operator, act="room.pause", target=WaitingRoomFactory())
    queries()  # reads the content types, which a process keeps
    few = queries()
    for _ in range(5):
        activity.record(actor=StaffFactory(), act="row.change", target=UserFactory())
    assert queries() == few


def test_the_log_is_read_by_those_who_may_and_changed_by_none(client, operator):
    activity.record(actor=operator, act="audit.run")
    entry = Activity.objects.get()
    staff = StaffFactory()
    client.force_login(staff)
    assert client.get(reverse(LOG)).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_activity"))
    assert client.get(reverse(LOG)).status_code == 200
    client.force_login(operator)
    address = reverse("admin:accounts_activity_change", args=[entry.pk])
    assert client.post(address, {"reason": "x"}).status_code == 403
    delete = reverse("admin:accounts_activity_delete", args=[entry.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403


def test_values_are_named_in_words_also_where_rows_of_that_name_refer_to_the_target():
    values = {"seats": 10, "fee": 0}
    activity.record(actor=None, act="seats.generate", target=ScheduleFactory(), new=values)
    with translation.override("ko"):
        entry = Activity.objects.latest("pk")
        assert {each.label for each in changes_of(entry)} == {"좌석", "수수료"}


def test_the_log_is_exported(client, operator):
    activity.record(actor=operator, act="room.pause", target=WaitingRoomFactory(title="Hall"))
    columns = ["actor_email", "words", "target_text"]
    export = queue_export(user=operator, model="accounts.Activity", query="", columns=columns)
    write_slice()
    export.refresh_from_db()
    written = b"".join(chunks_of(export)).decode()
    assert f"{operator.email},대기실을 일시 정지함,Hall" in written


def test_every_act_has_words_in_both_languages():
    for code, words in acts().items():
        with translation.override("en"):
            english = str(words)
        with translation.override("ko"):
            assert str(words) != english, code


def test_a_concert_keeps_its_history_on_its_page(client, operator):
    concert = ScheduleFactory().concert
    assert isinstance(concert, Concert)
    activity.record(actor=operator, act="row.change", target=concert, reason="A typo")
    page = client.get(reverse("admin:concerts_concert_history", args=[concert.pk]))
    assert "A typo" in page.content.decode()


def test_the_history_of_a_row_needs_the_permission_to_view_the_row(client):
    room, staff = WaitingRoomFactory(), StaffFactory()
    client.force_login(staff)
    address = reverse("admin:queueing_waitingroom_history", args=[room.pk])
    assert client.get(address).status_code == 403
    staff.user_permissions.add(Permission.objects.get(codename="view_waitingroom"))
    assert client.get(address).status_code == 200
