"""The admin of users and groups: permissions of staff and superusers."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.urls import reverse

from accounts.models import User
from tests.factories import PASSWORD, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

USERS = "admin:accounts_user"


def change(user):
    return reverse(f"{USERS}_change", args=[user.pk])


def form_of(user, **fields):
    return {"email": user.email, "name": user.name, "is_active": "on", **fields}


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


@pytest.fixture
def clerk():
    """A member of the staff with all permissions on users."""
    clerk = StaffFactory(is_superuser=False)
    names = [
        f"{verb}_{what}"
        for verb in ("add", "change", "delete", "view")
        for what in ("user", "group")
    ]
    clerk.user_permissions.set(Permission.objects.filter(codename__in=names))
    return clerk


@pytest.fixture
def desk(client, clerk):
    client.force_login(clerk)
    return client


def test_a_user_is_made_with_address_name_and_password_and_can_log_in(operator, client):
    response = operator.post(
        reverse(f"{USERS}_add"),
        {
            "email": "New@Example.com",
            "name": "새 사람",
            "password1": PASSWORD,
            "password2": PASSWORD,
        },
    )
    assert response.status_code == 302
    user = User.objects.get(email="new@example.com")
    assert (user.name, user.is_staff, user.is_superuser) == ("새 사람", False, False)
    operator.logout()
    client.post(reverse("account_login"), {"login": user.email, "password": PASSWORD})
    assert client.session["_auth_user_id"] == str(user.pk)


def test_a_taken_address_is_refused_whatever_its_case(operator):
    UserFactory(email="taken@example.com")
    response = operator.post(
        reverse(f"{USERS}_add"),
        {"email": "TAKEN@example.com", "name": "", "password1": PASSWORD, "password2": PASSWORD},
    )
    assert response.status_code == 200
    assert User.objects.filter(email__iexact="taken@example.com").count() == 1


def test_a_superuser_makes_staff(operator):
    user = UserFactory()
    assert operator.post(change(user), form_of(user, is_staff="on")).status_code == 302
    user.refresh_from_db()
    assert user.is_staff


def test_a_password_is_never_shown_nor_taken_as_text(operator):
    user = UserFactory()
    secret = user.password
    assert secret not in operator.get(change(user)).content.decode()
    operator.post(change(user), form_of(user, password="plain"))
    user.refresh_from_db()
    assert user.password == secret


def test_an_operator_with_view_permission_does_not_see_the_hash(client):
    viewer, user = StaffFactory(), UserFactory()
    viewer.user_permissions.add(Permission.objects.get(codename="view_user"))
    client.force_login(viewer)
    response = client.get(change(user))
    assert response.status_code == 200
    assert user.password not in response.content.decode()


def test_a_new_password_is_set_on_its_own_page(operator):
    user = UserFactory()
    address = reverse("admin:auth_user_password_change", args=[user.pk])
    new = "another horse battery"
    operator.post(address, {"password1": new, "password2": new, "usable_password": "true"})
    user.refresh_from_db()
    assert user.check_password(new)


def test_staff_set_no_buyers_address_and_no_buyers_password(desk, clerk):
    buyer = UserFactory(email="buyer@example.com")
    before = buyer.password
    desk.post(change(buyer), {"email": "taken@example.com", "name": "Renamed", "is_active": "on"})
    new = {"password1": "another horse battery", "password2": "another horse battery"}
    page = reverse("admin:auth_user_password_change", args=[buyer.pk])
    assert desk.get(page).status_code == desk.post(page, new).status_code == 403
    buyer.refresh_from_db()
    assert (buyer.email, buyer.password, buyer.name) == ("buyer@example.com", before, "Renamed")


@pytest.mark.parametrize("whom", ["self", "buyer"])
def test_staff_cannot_grant_permissions_to_themselves_or_others(desk, clerk, whom):
    user = clerk if whom == "self" else UserFactory()
    everything = Permission.objects.values_list("pk", flat=True)
    group = Group.objects.create(name="everything")
    group.permissions.set(everything)
    before = (user.is_staff, set(user.get_user_permissions()))
    forged = form_of(
        user,
        name="forged",
        is_superuser="on",
        is_staff="on",
        groups=[group.pk],
        user_permissions=list(everything),
    )
    assert desk.post(change(user), forged).status_code == 302
    user = User.objects.get(pk=user.pk)
    assert user.name == "forged"
    assert not user.is_superuser
    assert (user.is_staff, set(user.get_user_permissions())) == before
    assert not user.groups.exists()


def test_staff_cannot_make_a_user_with_powers(desk):
    desk.post(
        reverse(f"{USERS}_add"),
        {
            "email": "made@example.com",
            "name": "made",
            "password1": PASSWORD,
            "password2": PASSWORD,
            "is_staff": "on",
            "is_superuser": "on",
        },
    )
    made = User.objects.get(email="made@example.com")
    assert not made.is_staff
    assert not made.is_superuser


@pytest.mark.parametrize("powers", [{"is_staff": True}, {"is_superuser": True}], ids=str)
def test_staff_cannot_take_over_another_staff_account(desk, powers):
    boss = UserFactory(**powers)
    address, secret = boss.email, boss.password
    new = {"password1": "mine now 12345", "password2": "mine now 12345"}
    password_page = reverse("admin:auth_user_password_change", args=[boss.pk])
    assert desk.post(change(boss), form_of(boss, email="mine@example.com")).status_code == 403
    assert desk.post(password_page, new).status_code == 403
    delete = reverse(f"{USERS}_delete", args=[boss.pk])
    assert desk.post(delete, {"post": "yes"}).status_code == 403
    desk.post(
        reverse(f"{USERS}_changelist"),
        {"action": "delete_selected", "_selected_action": [str(boss.pk)], "post": "yes"},
    )
    boss.refresh_from_db()
    assert (boss.email, boss.password) == (address, secret)


def test_staff_cannot_change_what_a_group_may_do(desk, clerk):
    group = Group.objects.create(name="desk")
    clerk.groups.add(group)
    forged = {"name": "desk", "permissions": list(Permission.objects.values_list("pk", flat=True))}
    address = reverse("admin:auth_group_change", args=[group.pk])
    assert desk.get(address).status_code == 200
    assert desk.post(address, forged).status_code == 403
    assert desk.post(reverse("admin:auth_group_add"), forged).status_code == 403
    delete = reverse("admin:auth_group_delete", args=[group.pk])
    assert desk.post(delete, {"post": "yes"}).status_code == 403
    assert not group.permissions.exists()


def test_no_user_is_deleted_and_no_page_offers_it(operator):
    user = UserFactory()
    address = reverse(f"{USERS}_delete", args=[user.pk])
    assert address not in operator.get(change(user)).content.decode()
    assert "delete_selected" not in operator.get(reverse(f"{USERS}_changelist")).content.decode()
    assert operator.get(address).status_code == 403
    assert operator.post(address, {"post": "yes"}).status_code == 403
    operator.post(
        reverse(f"{USERS}_changelist"),
        {"action": "delete_selected", "_selected_action": [str(user.pk)], "post": "yes"},
    )
    assert User.objects.filter(pk=user.pk).exists()
