"""Roles: what each may do, tried by every address of the staff; limits to certain concerts."""

import re

import pytest
from django.contrib.auth.models import Group, Permission
from django.template.backends.django import Template
from django.urls import reverse
from django.utils import translation
from django.utils.safestring import mark_safe

from accounts.models import User
from accounts.permission_words import permission_words
from concerts.models import StaffConcert
from operations.roles import PERMISSION_NAMES, ROLES
from operations.services.role_groups import write_role_groups
from operations.settlement_admin import PeriodForm
from scripts.roles import PAGE, addresses, may, page
from tests.concertbook.test_admin_forms import form_at
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought, staff

pytestmark = pytest.mark.django_db

NO_ROW = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def _nothing_is_rendered(monkeypatch):
    """Whether a page may be opened is decided before its template."""
    monkeypatch.setattr(Template, "render", lambda *_args, **_kwargs: mark_safe(""))


EXAMPLES = {"int": "0", "slug": "x", "path": NO_ROW, "any_case_uuid": NO_ROW, "uuid": NO_ROW}


def path_of(route):
    filled = re.sub(r"<(?:(\w+):)?\w+>", lambda found: EXAMPLES[found[1] or "path"], route)
    return "/" + (filled if "(?P" not in route else "admin/accounts/")


def is_refused(response):
    """Whether the visitor was refused, or sent to the log-in."""
    to = response.get("Location", "")
    return response.status_code in (401, 403) or "/login/" in to


@pytest.mark.usefixtures("_nothing_is_rendered")
@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.group)
def test_each_role_gets_to_its_addresses_and_to_no_other(client, role):
    client.force_login(staff(role.group))
    wrong = []
    for address in addresses():
        if "(?P" in address.route:
            continue
        for send, needs in ((client.get, address.get), (client.post, address.post)):
            response = send(path_of(address.route))
            assert response.status_code < 500, address
            if is_refused(response) is may(role.permissions, needs):
                wrong.append((send.__name__, address.route, response.status_code))
    assert wrong == []


@pytest.mark.usefixtures("_nothing_is_rendered")
@pytest.mark.parametrize("visitor", ["anonymous", "buyer", "staff without a role"])
def test_no_other_visitor_gets_to_an_address_of_the_staff(client, visitor):
    if visitor != "anonymous":
        client.force_login(UserFactory(is_staff=visitor != "buyer"))
    for address in addresses():
        for send, needs in ((client.get, address.get), (client.post, address.post)):
            is_open = visitor == "staff without a role" and may((), needs)
            response = send(path_of(address.route), follow=visitor == "buyer")
            refused = is_refused(response) or (visitor == "anonymous" and response.redirect_chain)
            assert is_open or refused, (send.__name__, address.route)


def test_the_page_of_the_roles_is_up_to_date():
    assert PAGE.read_text() == page(), "make roles"


def test_a_role_that_was_changed_in_the_database_is_as_in_the_table_after_a_migrate():
    door, mine = Group.objects.get(name="Door"), Group.objects.create(name="Volunteers")
    more = Permission.objects.get(codename="delete_concert")
    for group in (door, mine):
        group.permissions.set([more])
    Group.objects.get(name="Owner").delete()

    write_role_groups()

    assert [each.codename for each in door.permissions.all()] == ["check_in_ticket"]
    assert [each.codename for each in mine.permissions.all()] == ["delete_concert"]
    assert Group.objects.get(name="Owner").permissions.count() > 50


# --- Certain concerts only ------------------------------------------------------------------------

LISTS = [
    "concerts_concert",
    "concerts_concertschedule",
    "concerts_seat",
    "concerts_seatstatushistory",
    "queueing_waitingroom",
    "queueing_queuetoken",
    "queueing_queueentryhistory",
    "payments_reservation",
    "payments_payment",
    "payments_ticket",
]


@pytest.fixture
def two_shows():
    """Two shows with a ticket each: mine and the other."""
    buyer = UserFactory(won=100_000)
    shows = ScheduleFactory.create_batch(2)
    for show in shows:
        bought(buyer, show, 1)
    return shows


def rows(client, name):
    return client.get(reverse(f"admin:{name}_changelist")).context["cl"].queryset


def test_who_works_for_one_concert_sees_the_rows_of_that_one(client, two_shows):
    mine, _other = two_shows
    client.force_login(staff("Owner", concerts=[mine.concert]))
    limited = {name: rows(client, name).count() for name in LISTS}
    client.force_login(staff("Owner"))
    every = {name: rows(client, name).count() for name in LISTS}
    assert all(0 < limited[name] < every[name] for name in LISTS), (limited, every)


def test_who_works_for_one_concert_finds_no_row_of_another_by_its_address(client, two_shows):
    mine, other = two_shows
    client.force_login(staff("Owner", concerts=[mine.concert]))
    room = other.concert.waiting_room
    for name, row in (
        ("concerts_concert", other.concert),
        ("concerts_concertschedule", other),
        ("queueing_waitingroom", room),
    ):
        response = client.get(reverse(f"admin:{name}_change", args=[row.pk]))
        assert response["Location"] == reverse("admin:index")
    pause = reverse("admin:queueing_waitingroom_pause_room", args=[room.pk])
    turned = client.post(pause, {"_form_submitted": "True"})
    assert turned.status_code == 403
    assert client.get(pause).status_code == 403
    room.refresh_from_db()
    assert room.state == "OPEN"
    cancel = reverse("admin:concerts_concertschedule_cancel", args=[other.pk])
    assert client.get(cancel).status_code == 403
    assert client.get(reverse("admin:concerts_concert_add")).status_code == 403


def test_who_works_for_one_concert_cannot_move_a_schedule_to_another(client, two_shows):
    mine, other = two_shows
    client.force_login(staff("Owner", concerts=[mine.concert]))
    address = reverse("admin:concerts_concertschedule_add")
    form = form_at(client, address) | {"concert": str(other.concert.pk)}
    assert "concert" in client.post(address, form).context["adminform"].form.errors


def test_who_works_for_one_concert_settles_that_one(two_shows):
    mine, other = two_shows
    limited = PeriodForm(staff("Finance", concerts=[mine.concert])).fields["concert"]
    assert list(limited.queryset) == [mine.concert]
    assert limited.required
    every = PeriodForm(staff("Finance")).fields["concert"]
    assert set(every.queryset) == {mine.concert, other.concert}
    assert not every.required


# --- Who gives roles ------------------------------------------------------------------------------


def page_of(user):
    return reverse("admin:accounts_user_change", args=[user.pk])


def roles_of(user):
    return {group.name for group in user.groups.all()}


def test_the_owner_makes_staff_and_gives_them_roles_and_concerts(client):
    new, show = UserFactory(is_staff=True), ScheduleFactory()
    client.force_login(staff("Owner"))
    door = Group.objects.get(name="Door")
    form = form_at(client, page_of(new)) | {"groups": [str(door.pk)]}
    concerts = {"staff_concerts-TOTAL_FORMS": "1", "staff_concerts-0-concert": str(show.concert.pk)}
    client.post(page_of(new), form | concerts)
    assert roles_of(new) == {"Door"}
    assert StaffConcert.objects.get().concert == show.concert


def test_only_members_of_the_staff_have_concerts_and_none_lifts_their_own_limit(client):
    owner = staff("Owner", concerts=[ScheduleFactory().concert])
    client.force_login(owner)
    for user, shown in ((owner, 0), (UserFactory(), 0), (UserFactory(is_staff=True), 1)):
        assert len(client.get(page_of(user)).context["inline_admin_formsets"]) == shown


def test_a_role_that_may_do_more_than_oneself_cannot_be_given(client):
    new, powerful = UserFactory(is_staff=True), Group.objects.create(name="Powerful")
    powerful.permissions.set(Permission.objects.filter(codename="delete_user"))
    client.force_login(staff("Owner"))
    form = form_at(client, page_of(new)) | {"groups": [str(powerful.pk)]}
    client.post(page_of(new), form | {"is_superuser": "on"})
    new.refresh_from_db()
    assert (roles_of(new), new.is_superuser) == (set(), False)


def test_no_member_of_the_staff_gives_a_role_to_themselves(client):
    owner = staff("Owner")
    client.force_login(owner)
    door = Group.objects.get(name="Door")
    client.post(page_of(owner), form_at(client, page_of(owner)) | {"groups": [str(door.pk)]})
    assert roles_of(owner) == {"Owner"}


def test_who_may_edit_users_makes_no_staff_and_touches_none(client):
    editor, colleague, buyer = StaffFactory(), StaffFactory(), UserFactory()
    editor.user_permissions.set(Permission.objects.filter(codename="change_user"))
    client.force_login(editor)
    assert client.post(page_of(colleague), {"is_active": ""}).status_code == 403
    client.post(page_of(buyer), form_at(client, page_of(buyer)) | {"is_staff": "on"})
    assert not User.objects.get(pk=buyer.pk).is_staff


def test_the_owner_touches_no_superuser(client):
    superuser = StaffFactory(is_superuser=True)
    client.force_login(staff("Owner"))
    assert client.post(page_of(superuser), {"is_active": ""}).status_code == 403


def test_a_roles_group_is_shown_and_changed_by_none(client):
    client.force_login(StaffFactory(is_superuser=True))
    door = Group.objects.get(name="Door")
    address = reverse("admin:auth_group_change", args=[door.pk])
    assert "입장 처리" in client.get(address, headers={"accept-language": "ko"}).content.decode()
    assert client.post(address, {"name": "x"}).status_code == 403
    delete = reverse("admin:auth_group_delete", args=[door.pk])
    assert client.post(delete, {"post": "yes"}).status_code == 403
    chosen = {"action": "delete_selected", "_selected_action": [door.pk], "post": "yes"}
    client.post(reverse("admin:auth_group_changelist"), chosen)
    assert Group.objects.filter(name="Door").exists()


def test_every_permission_of_ours_is_named_in_both_languages():
    apps = ("accounts", "queueing", "concerts", "payments", "operations")
    ours = Permission.objects.filter(content_type__app_label__in=apps)
    with translation.override("en"):
        names = {str(each) for each in PERMISSION_NAMES}
    for permission in ours.select_related("content_type"):
        verb = permission.codename.partition("_")[0]
        assert verb in ("add", "change", "delete", "view") or permission.name in names
        with translation.override("ko"):
            korean = permission_words(permission)
        with translation.override("en"):
            assert korean != permission_words(permission), permission.codename
