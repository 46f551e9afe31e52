"""Operators' forms: a stale form is refused, and a form that is sent twice acts once."""

import datetime as dt
import re

import pytest
import time_machine
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.base_admin import Admin
from accounts.models import Activity, User
from concertbook.admin.versions import VERSION, VersionedDialog, VersionedInline
from concerts.models import Concert, ConcertSchedule, Seat
from queueing.models import WaitingRoom
from tests.concurrency.threads import Meeting, race
from tests.factories import (
    PASSWORD,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    held,
)

pytestmark = pytest.mark.django_db


def browser_of(user):
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


@pytest.fixture
def operator():
    return browser_of(StaffFactory(is_superuser=True, name="First"))


@pytest.fixture
def colleague():
    return browser_of(StaffFactory(is_superuser=True, name="Second"))


def page(thing, action="change"):
    name = f"admin:{thing._meta.app_label}_{thing._meta.model_name}_{action}"
    return reverse(name, args=[] if action == "add" else [thing.pk])


INPUT = re.compile(r"<input\b[^>]*>")
SELECT = re.compile(r"<select\b[^>]*>.*?</select>", re.S)
OPTION = re.compile(r'<option\b[^>]*value="([^"]*)"[^>]*>')
AREA = re.compile(r'<textarea[^>]*name="([^"]+)"[^>]*>(.*?)</textarea>', re.S)


def attribute(tag, name):
    found = re.search(rf'\b{name}="([^"]*)"', tag)
    return found[1] if found else None


def form_at(client, address):
    """The values that a browser would send for an unchanged form."""
    return form_on(client.get(address))


def form_on(response):
    html = response.content.decode()
    sent = {}
    for tag in INPUT.findall(html):
        name, kind = attribute(tag, "name"), attribute(tag, "type")
        if not name or kind in ("submit", "search"):
            continue
        if kind in ("checkbox", "radio") and not re.search(r"\schecked[\s>]", tag):
            continue
        sent[name] = attribute(tag, "value") or ("on" if kind == "checkbox" else "")
    for select in SELECT.findall(html):
        chosen = [tag for tag in OPTION.finditer(select) if " selected" in tag[0]]
        name = attribute(select, "name")
        if " multiple" in select.split(">")[0]:
            sent[name] = [option[1] for option in chosen]
        else:
            sent[name] = chosen[0][1] if chosen else ""
    sent |= {name: text.strip() for name, text in AREA.findall(html)}
    for name in ("csrfmiddlewaretoken", "language", "next", "_form_submitted"):
        sent.pop(name, None)
    return sent | {"_save": "Save"}


def complaint_of(response):
    assert response.status_code == 200, response.get("Location")
    forms = [response.context["adminform"].form]
    for inline in response.context["inline_admin_formsets"]:
        forms += inline.formset.forms
    return " ".join(error for form in forms for error in form.non_field_errors())


def words(response):
    return [str(message) for message in response.context["messages"]]


THINGS = ["user", "group", "room", "concert", "schedule", "seat"]
each_thing = pytest.mark.parametrize("which", range(len(THINGS)), ids=THINGS)


def every_editable_thing():
    """A row of each model with a form, a field of the form, its new value, and its old value."""
    schedule = ScheduleFactory(price=10_000, concert__refund_policy="10:0 0:90")
    concert = schedule.concert
    group = Group.objects.create(name="door")
    return [
        (UserFactory(name="Before"), "name", "After", {"email": "other@example.com"}),
        (group, "name", "After", {}),
        (concert.waiting_room, "capacity", "7", {"title": "Other"}),
        (concert, "refund_policy", "3:0 0:100", {"description": "typo fixed"}),
        (schedule, "price", "20000", {"cooldown_seconds": "5"}),
        (schedule.seats.first(), "price", "30000", {"grade": "VIP"}),
    ]


@each_thing
def test_a_stale_form_is_refused_with_what_changed_and_by_whom(operator, colleague, which):
    thing, field, new, other = every_editable_thing()[which]
    stale, fresh = (form_at(client, page(thing)) for client in (operator, colleague))
    assert colleague.post(page(thing), fresh | {field: new}).status_code == 302

    refused = operator.post(page(thing), stale | other | ({} if other else {field: "Mine"}))

    thing.refresh_from_db()
    assert str(getattr(thing, field)) == new
    for name, value in other.items():
        assert str(getattr(thing, name)) != value
    assert "by Second (" in complaint_of(refused)
    assert "→" in complaint_of(refused)


def test_a_refused_form_keeps_what_was_typed_shows_the_rest_as_it_is_and_can_be_saved(
    operator, colleague
):
    schedule = ScheduleFactory(price=10_000, cooldown_seconds=0)
    stale = form_at(operator, page(schedule))
    put_off = {"reserve_from_0": "2026-01-01", "reserve_from_1": "20:00:00"}
    colleague.post(page(schedule), form_at(colleague, page(schedule)) | put_off)

    refused = operator.post(page(schedule), stale | {"cooldown_seconds": "5"})
    again = form_on(refused)

    assert again["cooldown_seconds"] == "5"
    assert put_off.items() <= again.items()
    assert operator.post(page(schedule), again).status_code == 302
    schedule.refresh_from_db()
    assert schedule.cooldown_seconds == 5
    assert timezone.localtime(schedule.reserve_from).date() == dt.date(2026, 1, 1)


def test_two_who_edited_the_same_field_see_both_values(operator, colleague):
    room = WaitingRoomFactory(capacity=100)
    stale = form_at(operator, page(room))
    colleague.post(page(room), form_at(colleague, page(room)) | {"capacity": "7"})

    refused = operator.post(page(room), stale | {"capacity": "9"})

    assert "100 → 7" in complaint_of(refused)
    assert form_on(refused)["capacity"] == "9"


def test_members_powers_and_permissions_that_a_colleague_gave_are_not_taken_back(
    operator, colleague
):
    user, group = UserFactory(), Group.objects.create(name="door")
    seats = Permission.objects.get(codename="view_seat")
    stale_user, stale_group = form_at(operator, page(user)), form_at(operator, page(group))
    colleague.post(page(user), form_at(colleague, page(user)) | {"groups": [group.pk]})
    colleague.post(page(group), form_at(colleague, page(group)) | {"permissions": [seats.pk]})

    of_user = complaint_of(operator.post(page(user), stale_user | {"name": "x"}))
    of_group = complaint_of(operator.post(page(group), stale_group | {"name": "x"}))

    assert "+door" in of_user
    assert f"+{seats}" in of_group
    assert list(user.groups.all()) == [group]
    assert list(group.permissions.all()) == [seats]


def test_a_user_whom_a_colleague_deactivated_is_not_activated_by_a_stale_form(operator, colleague):
    user = UserFactory()
    stale, fresh = form_at(operator, page(user)), form_at(colleague, page(user))
    del fresh["is_active"]
    colleague.post(page(user), fresh)

    refused = operator.post(page(user), stale | {"name": "renamed"})

    user.refresh_from_db()
    assert not user.is_active
    assert "Yes → No" in complaint_of(refused)
    assert "is_active" not in form_on(refused)


def test_a_schedule_on_the_concerts_page_is_as_old_as_the_page(operator, colleague):
    schedule = ScheduleFactory(purchase_limit=4)
    concert = schedule.concert
    stale = form_at(operator, page(concert))
    colleague.post(page(schedule), form_at(colleague, page(schedule)) | {"purchase_limit": "2"})

    refused = operator.post(page(concert), stale | {"description": "typo fixed"})

    schedule.refresh_from_db()
    concert.refresh_from_db()
    assert (schedule.purchase_limit, concert.description) == (2, "")
    assert "purchase limit: 4 → 2" in complaint_of(refused).replace("Purchase", "purchase")
    assert "by Second" in complaint_of(refused)
    assert operator.post(page(concert), form_on(refused)).status_code == 302
    schedule.refresh_from_db()
    assert schedule.purchase_limit == 2


def test_a_schedule_changed_on_the_concerts_page_makes_its_own_page_stale(operator, colleague):
    schedule = ScheduleFactory(price=10_000)
    stale = form_at(operator, page(schedule))
    fresh = form_at(colleague, page(schedule.concert))
    colleague.post(page(schedule.concert), fresh | {"schedules-0-price": "20000"})

    refused = operator.post(page(schedule), stale | {"cooldown_seconds": "5"})

    assert ["10000 → 20000", " Second"][0] in complaint_of(refused)
    assert "by Second" in complaint_of(refused)


def test_changes_by_the_sale_make_no_form_stale(operator):
    schedule = ScheduleFactory()
    concert, room = schedule.concert, schedule.concert.waiting_room
    forms = {thing: form_at(operator, page(thing)) for thing in (schedule, concert, room)}
    held(UserFactory(), schedule, 1)
    ConcertSchedule.objects.update(seat_quantity=11)

    for thing, form in forms.items():
        assert operator.post(page(thing), form).status_code == 302


def test_a_change_by_no_operator_is_said_to_be_the_sales_or_a_programs(operator):
    room = WaitingRoomFactory(capacity=100)
    stale = form_at(operator, page(room))
    WaitingRoom.objects.update(capacity=7)
    refused = operator.post(page(room), stale | {"title": "x"})
    assert "by the sale or a program" in complaint_of(refused)


def test_a_damaged_version_is_refused(operator):
    room = WaitingRoomFactory(capacity=100)
    form = form_at(operator, page(room)) | {VERSION: "x", "capacity": "7"}
    assert "damaged" in complaint_of(operator.post(page(room), form))
    room.refresh_from_db()
    assert room.capacity == 100


def test_a_form_without_a_version_changes_only_what_it_says(operator):
    schedule = ScheduleFactory(price=10_000, purchase_limit=3)
    until = schedule.reserve_until
    assert operator.post(page(schedule), {"cooldown_seconds": "5"}).status_code == 302
    schedule.refresh_from_db()
    assert (schedule.price, schedule.purchase_limit, schedule.cooldown_seconds) == (10_000, 3, 5)
    assert schedule.reserve_until == until


@each_thing
def test_only_edited_columns_are_written(operator, which):
    thing, field, new, _other = every_editable_thing()[which]
    form = form_at(operator, page(thing)) | {field: new}
    table = thing._meta.db_table
    with CaptureQueriesContext(connection) as queries:
        assert operator.post(page(thing), form).status_code == 302
    updates = [q["sql"] for q in queries if q["sql"].startswith(f'UPDATE "{table}"')]
    assert len(updates) == 1
    written = set(re.findall(r'"(\w+)" = ', updates[0].split(" WHERE ")[0]))
    if not isinstance(thing, Seat):  # a seat is edited by its service, under the seat's lock
        assert written <= {field, "updated_at"}
    assert field in written


def test_every_admin_that_changes_rows_is_built_on_the_form_that_notices():
    for model, model_admin in admin.site._registry.items():
        assert isinstance(model_admin, Admin), model
        assert not model_admin.list_editable, model
        for inline in model_admin.inlines:
            assert issubclass(inline, VersionedInline), inline


DIALOGS = ["open_room", "pause_room", "set_pace", "drain_room", "close_room"]


def send(client, room, dialog, form):
    return client.post(page(room, dialog), form | {"_form_submitted": "True"})


def complaint_in(response):
    assert response.status_code == 200
    assert "HX-Redirect" not in response
    return " ".join(response.context["form"].non_field_errors())


def test_a_pace_dialog_that_was_open_while_a_colleague_set_the_pace_does_not_set_it_back(
    operator, colleague
):
    room = WaitingRoomFactory(capacity=100, admit_per_minute=600)
    stale, fresh = (form_at(client, page(room, "set_pace")) for client in (operator, colleague))
    assert "HX-Redirect" in send(colleague, room, "set_pace", fresh | {"admit_per_minute": "60"})

    refused = send(operator, room, "set_pace", stale | {"capacity": "7"})

    assert "admitted per minute: 600 → 60" in complaint_in(refused).lower()
    assert "by Second (" in complaint_in(refused)
    assert complaint_in(refused) in refused.content.decode()
    room.refresh_from_db()
    assert (room.capacity, room.admit_per_minute) == (100, 60)
    again = form_on(refused)
    assert (again["capacity"], again["admit_per_minute"]) == ("7", "60")
    assert "HX-Redirect" in send(operator, room, "set_pace", again)
    room.refresh_from_db()
    assert (room.capacity, room.admit_per_minute) == (7, 60)


@pytest.mark.parametrize("dialog", [name for name in DIALOGS if name != "set_pace"])
def test_a_dialog_that_was_open_while_a_colleague_changed_the_state_does_not_change_it_back(
    operator, colleague, dialog
):
    before, meanwhile = {"open_room": ("CLOSED", "pause_room")}.get(dialog, ("PAUSED", "open_room"))
    room = WaitingRoomFactory(state=before)
    stale, fresh = form_at(operator, page(room, dialog)), form_at(colleague, page(room, meanwhile))
    assert "HX-Redirect" in send(colleague, room, meanwhile, fresh)
    room.refresh_from_db()
    now = room.state

    refused = send(operator, room, dialog, stale)

    assert "by Second (" in complaint_in(refused)
    room.refresh_from_db()
    assert room.state == now
    assert "HX-Redirect" in send(operator, room, dialog, form_on(refused))


def test_a_dialog_compares_only_the_version_of_its_own_columns(operator, colleague):
    room = WaitingRoomFactory(capacity=100)
    pause = form_at(operator, page(room, "pause_room"))
    pace = form_at(colleague, page(room, "set_pace"))

    assert "HX-Redirect" in send(colleague, room, "set_pace", pace | {"capacity": "7"})
    assert "HX-Redirect" in send(operator, room, "pause_room", pause)

    room.refresh_from_db()
    assert (room.state, room.capacity) == ("PAUSED", 7)


def test_a_dialog_that_was_not_confirmed_changes_nothing(operator):
    room = WaitingRoomFactory(state="OPEN")
    assert operator.post(page(room, "close_room"), {"state": "OPEN"}).status_code == 200
    room.refresh_from_db()
    assert room.state == "OPEN"


def test_every_dialog_that_changes_a_row_is_built_on_the_form_that_notices():
    dialogs = {
        name: action.dialog
        for model_admin in admin.site._registry.values()
        for name in dir(type(model_admin))
        if getattr(action := getattr(type(model_admin), name), "dialog", None)
    }
    # A cancelled schedule keeps its operator, time and reason.
    assert dialogs.pop("cancel")
    assert sorted(dialogs) == sorted(DIALOGS)
    for name, dialog in dialogs.items():
        assert issubclass(dialog["form_class"], VersionedDialog), name


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("dialog", DIALOGS)
def test_of_two_dialogs_sent_at_the_same_moment_one_is_refused(dialog):
    state = "CLOSED" if dialog == "open_room" else "SCHEDULED"
    room = WaitingRoomFactory(state=state, opens_at="2030-01-01T00:00:00Z", capacity=100)
    one, other = (browser_of(StaffFactory(is_superuser=True)) for _ in range(2))
    forms = [form_at(client, page(room, dialog)) for client in (one, other)]

    answers = race(
        lambda: send(one, room, dialog, forms[0] | {"capacity": "7"}),
        lambda: send(other, room, dialog, forms[1] | {"capacity": "8"}),
        meeting=Meeting('FROM "queueing_waitingroom"'),
    )

    assert sorted("HX-Redirect" in answer for answer in answers) == [False, True]


@pytest.mark.django_db(transaction=True)
def test_of_two_forms_sent_at_the_same_moment_one_is_refused():
    room = WaitingRoomFactory(capacity=100, title="Before")
    one, other = (browser_of(StaffFactory(is_superuser=True)) for _ in range(2))
    forms = [form_at(client, page(room)) for client in (one, other)]

    answers = race(
        lambda: one.post(page(room), forms[0] | {"capacity": "7"}),
        lambda: other.post(page(room), forms[1] | {"capacity": "8"}),
        meeting=Meeting('"admitted_count"'),
    )

    assert sorted(answer.status_code for answer in answers) == [200, 302]


# Forms that are sent twice


def add_form(client, model, **fields):
    return form_at(client, page(model, "add")) | fields


def new_concert_form(client):
    room = WaitingRoomFactory()
    days = {"start_time": 30, "end_time": 31}
    shows = {"start_at": 30, "end_at": 31, "reserve_from": 1, "reserve_until": 29}
    moments = days | {f"schedules-0-{name}": day for name, day in shows.items()}
    today = timezone.localtime()
    form = {"title": "Spring", "waiting_room": room.pk, "schedules-0-price": "1000"}
    for name, day in moments.items():
        form |= {f"{name}_0": f"{today + dt.timedelta(days=day):%Y-%m-%d}", f"{name}_1": "12:00"}
    return add_form(client, Concert, **form)


def new_thing_form(client, model):
    if model is Concert:
        return new_concert_form(client)
    fields = {
        WaitingRoom: {"title": "Room", "slug": "room", "state": "OPEN"},
        Group: {"name": "door"},
        User: {"email": "new@example.com", "password1": PASSWORD, "password2": PASSWORD},
    }
    return add_form(client, model, **fields[model])


@pytest.mark.parametrize("model", [WaitingRoom, Concert, User, Group])
def test_a_form_to_add_that_is_sent_twice_adds_once_and_leads_to_what_it_added(operator, model):
    form = new_thing_form(operator, model)
    before = set(model.objects.values_list("pk", flat=True))

    first = operator.post(page(model, "add"), form)
    again = operator.post(page(model, "add"), form, follow=True)

    assert first.status_code == 302
    (made,) = set(model.objects.values_list("pk", flat=True)) - before
    assert again.redirect_chain[-1][0] == page(model.objects.get(pk=made))
    assert "was made once, and not again" in words(again)[-1]
    if model is Concert:
        assert ConcertSchedule.objects.count() == 1


def test_a_form_to_add_whose_entries_were_changed_is_asked_about(operator):
    form = new_thing_form(operator, WaitingRoom)
    operator.post(page(WaitingRoom, "add"), form)

    refused = operator.post(page(WaitingRoom, "add"), form | {"slug": "b", "title": "B"})

    assert "sent before with other entries" in complaint_of(refused)
    assert WaitingRoom.objects.count() == 1
    again = form_on(refused)
    assert operator.post(page(WaitingRoom, "add"), again).status_code == 302
    assert set(WaitingRoom.objects.values_list("slug", flat=True)) == {"room", "b"}


def test_a_form_to_add_that_was_refused_may_be_corrected_and_sent_again(operator):
    form = new_thing_form(operator, WaitingRoom)
    refused = operator.post(page(WaitingRoom, "add"), form | {"capacity": "0"})
    assert refused.status_code == 200
    corrected = form_on(refused) | {"capacity": "5"}
    assert operator.post(page(WaitingRoom, "add"), corrected).status_code == 302
    assert WaitingRoom.objects.get().capacity == 5


def test_a_form_that_was_open_longer_than_answers_are_kept_is_asked_about(operator):
    form = new_thing_form(operator, WaitingRoom)
    user = User.objects.get(name="First")
    with time_machine.travel(timezone.now() + dt.timedelta(days=1)):
        operator.force_login(user)
        refused = operator.post(page(WaitingRoom, "add"), form)
    assert "opened long ago" in complaint_of(refused)
    assert not WaitingRoom.objects.exists()


def test_a_schedule_added_on_the_concerts_page_twice_is_added_once(operator):
    schedule = ScheduleFactory()
    concert = schedule.concert
    form = form_at(operator, page(concert))
    added = {
        name.replace("-0-", "-1-"): value
        for name, value in form.items()
        if name.startswith("schedules-0-") and not name.endswith("-id")
    }
    form |= added | {"schedules-TOTAL_FORMS": "2"}

    operator.post(page(concert), form)
    again = operator.post(page(concert), form, follow=True)

    assert concert.schedules.count() == 2
    assert "it was saved once, and not again" in words(again)[-1]


def test_a_change_sent_twice_is_logged_once(operator):
    room = WaitingRoomFactory(capacity=100)
    form = form_at(operator, page(room)) | {"capacity": "7"}
    for _ in range(2):
        operator.post(page(room), form)
    assert Activity.objects.filter(target_key=str(room.pk)).count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("model", [WaitingRoom, Concert])
def test_a_form_to_add_sent_twice_at_the_same_moment_adds_once(model):
    browser = browser_of(StaffFactory(is_superuser=True))
    form = new_thing_form(browser, model)
    before = model.objects.count()

    answers = race(
        *[lambda: browser.post(page(model, "add"), form)] * 2,
        meeting=Meeting("accounts_idempotencykey"),
    )

    assert [answer.status_code for answer in answers] == [302, 302]
    assert model.objects.count() == before + 1


# The generator


BLOCK = {
    "blocks-0-section": "A",
    "blocks-0-rows": "2",
    "blocks-0-seats_per_row": "10",
    "blocks-0-grade": "R",
    "blocks-0-price": "1000",
}


def test_the_generator_sent_twice_adds_its_seats_once(operator):
    schedule = ScheduleFactory(seats=0)
    form = form_at(operator, page(schedule, "generate")) | BLOCK
    operator.post(page(schedule, "generate"), form)
    again = operator.post(page(schedule, "generate"), form, follow=True)
    assert schedule.seats.count() == 20
    assert words(again)[-1].startswith("This form was sent before")


def test_the_generator_opened_by_two_adds_the_seats_of_one(operator, colleague):
    schedule = ScheduleFactory(seats=0)
    address = page(schedule, "generate")
    forms = [form_at(client, address) | BLOCK for client in (operator, colleague)]
    colleague.post(address, forms[1])

    refused = operator.post(address, forms[0])

    assert schedule.seats.count() == 20
    (said,) = refused.context["formset"].non_form_errors()
    assert "had 0 seats, and now it has 20, changed by Second" in said
    assert operator.post(address, form_on(refused)).status_code == 302
    assert schedule.seats.count() == 40


def test_the_generator_sent_again_with_another_block_is_asked_about(operator):
    schedule = ScheduleFactory(seats=0)
    address = page(schedule, "generate")
    form = form_at(operator, address) | BLOCK
    operator.post(address, form)
    refused = operator.post(address, form | {"blocks-0-rows": "3"})
    assert refused.context["formset"].non_form_errors()
    assert schedule.seats.count() == 20


@pytest.mark.django_db(transaction=True)
def test_the_generator_sent_twice_at_the_same_moment_adds_its_seats_once():
    schedule = ScheduleFactory(seats=0)
    browser = browser_of(StaffFactory(is_superuser=True))
    form = form_at(browser, page(schedule, "generate")) | BLOCK

    answers = race(
        *[lambda: browser.post(page(schedule, "generate"), form)] * 2,
        meeting=Meeting("accounts_idempotencykey"),
    )

    assert [answer.status_code for answer in answers] == [302, 302]
    assert schedule.seats.count() == 20


def password_form(client, user, password):
    """The filled-in form of the page that sets a user's password."""
    filled = {"password1": password, "password2": password}
    return form_at(client, reverse("admin:auth_user_password_change", args=[user.pk])) | filled


def send_password(client, user, form, **kwargs):
    return client.post(reverse("admin:auth_user_password_change", args=[user.pk]), form, **kwargs)


def test_a_password_form_sent_twice_sets_it_once_and_ends_no_later_session(operator):
    user = UserFactory()
    form = password_form(operator, user, "Quiet-Harbor-4821!")
    send_password(operator, user, form)
    user.refresh_from_db()
    app = Client()
    app.force_login(user)

    again = send_password(operator, user, form, follow=True)

    assert "saved once" in " ".join(words(again))
    assert app.get("/balance/").status_code == 200
    assert Activity.objects.filter(target_key=str(user.pk)).count() == 1


def test_a_stale_password_form_does_not_undo_what_was_set_meanwhile(operator, colleague):
    user = UserFactory()
    stale = password_form(operator, user, "Quiet-Harbor-4821!")
    send_password(colleague, user, password_form(colleague, user, "Loud-Harbor-4821!"))

    refused = send_password(operator, user, stale)

    assert "by Second" in " ".join(refused.context["form"].errors["password1"])
    user.refresh_from_db()
    assert user.check_password("Loud-Harbor-4821!")
    send_password(operator, user, stale | {VERSION: form_on(refused)[VERSION]})
    user.refresh_from_db()
    assert user.check_password("Quiet-Harbor-4821!")


def test_a_password_that_its_user_changed_meanwhile_is_not_set_back(operator):
    user = UserFactory()
    stale = password_form(operator, user, "Quiet-Harbor-4821!")
    user.set_password("My-Own-Harbor-4821!")
    user.save()

    refused = send_password(operator, user, stale)

    assert "the sale or a program" in " ".join(refused.context["form"].errors["password1"])
    user.refresh_from_db()
    assert user.check_password("My-Own-Harbor-4821!")


def test_a_damaged_version_of_a_password_form_is_refused(operator):
    user = UserFactory()
    form = password_form(operator, user, "Quiet-Harbor-4821!") | {VERSION: "x"}

    assert send_password(operator, user, form).status_code == 200
    user.refresh_from_db()
    assert user.check_password(PASSWORD)
