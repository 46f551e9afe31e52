"""E-mail addresses: one account each, proof by a link, changes by the user or an operator."""

import datetime as dt

import pytest
import time_machine
from allauth.account.models import EmailAddress
from django.contrib.auth.models import Permission
from django.core import mail
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from accounts.app_tokens import issue_tokens
from accounts.email_links import Kind, read_link
from accounts.errors import LinkUsed
from accounts.models import OutgoingMessage, User
from accounts.services.email_proof import prove_email
from accounts.services.outbox import send_due
from tests.factories import CONSENTS, PASSWORD, StaffFactory, UserFactory, balance_of
from tests.mailbox import link_to, mails_to

pytestmark = pytest.mark.django_db

OWNERS = "owner@example.com"
OWNERS_PASSWORD = "Quiet-Harbor-4821!"


def app_of(user):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {issue_tokens(user).access}")
    return client


def browser_of(user):
    client = Client()
    client.force_login(user)
    return client


def logs_in(email, password):
    """The account of this address and password, the same by page and API; None for none."""
    browser = Client()
    browser.post("/accounts/login/", {"login": email, "password": password})
    fields = {"email": email, "password": password}
    answer = Client().post("/api/v1/auth/login/", fields, content_type="application/json")
    by_page = browser.session.get("_auth_user_id")
    assert (by_page is None) == (answer.status_code == 401), answer.content
    return User.objects.get(pk=by_page) if by_page else None


def is_logged_in(client):
    return client.get("/api/v1/me/").status_code == 200


def sign_up(email=OWNERS):
    fields = {"email": email, "password1": OWNERS_PASSWORD, "name": "x", **CONSENTS}
    return Client().post("/accounts/signup/", fields)


def change(client, email, password=PASSWORD):
    return client.post(reverse("account_change_email"), {"email": email, "password": password})


@pytest.fixture
def squatter():
    """A user with another person's address, unconfirmed, and money."""
    return UserFactory(email=OWNERS, email_verified_at=None, won=50_000)


# --- Unconfirmed addresses ---------------------------------------------------------------------


def test_the_link_sent_at_sign_up_confirms_the_address(client):
    client.post(
        "/accounts/signup/", {"email": OWNERS, "password1": PASSWORD, "name": "x", **CONSENTS}
    )
    link = link_to(OWNERS)

    assert client.get(link).status_code == 200
    assert not User.objects.get().email_verified, "a mail scanner follows links too"
    client.post(link)

    assert User.objects.get().email_verified
    assert client.get(link).status_code == 410, "it was used"
    assert client.get("/accounts/").status_code == 200, "and no session was ended"


def test_a_link_does_not_confirm_an_account_of_another_user(squatter):
    browser_of(squatter).post(reverse("account_send_proof"))
    reader, link = Client(), link_to(OWNERS)

    assert reader.post(link, {"password": "a guess"}).status_code == 200
    assert not User.objects.get().email_verified
    assert reader.post(link, {"password": PASSWORD}).status_code == 302
    assert User.objects.get().email_verified


def test_the_owner_who_signs_up_gets_the_address_and_the_other_account_keeps_the_rest(squatter):
    browser, app = browser_of(squatter), app_of(squatter)

    assert sign_up().context["form"].errors["email"]
    owner, link = Client(), link_to(OWNERS)
    assert owner.get(link).status_code == 200
    owner.post(link, {"name": "주인", "password1": OWNERS_PASSWORD, **CONSENTS})

    mine = logs_in(OWNERS, OWNERS_PASSWORD)
    assert (mine.name, mine.email_verified, balance_of(mine)) == ("주인", True, 0)
    assert logs_in(OWNERS, PASSWORD) is None
    squatter.refresh_from_db()
    assert (squatter.email, squatter.email_verified, balance_of(squatter)) == (None, False, 50_000)
    assert app.get("/api/v1/me/").json()["email"] is None
    assert reverse("account_change_email") in browser.get("/visitor/").content.decode()
    assert owner.get(link).status_code == 410


def test_an_account_that_lost_its_address_gives_another_and_logs_in_with_it(squatter):
    app = app_of(squatter)
    sign_up()
    Client().post(link_to(OWNERS), {"name": "x", "password1": OWNERS_PASSWORD, **CONSENTS})

    fields = {"email": "Other@Example.com", "password": PASSWORD}
    answer = app.post("/api/v1/me/email-changes/", fields, format="json")
    assert (answer.status_code, answer.json()) == (202, {"email": "other@example.com"})
    Client().post(link_to("other@example.com"), {"password": PASSWORD})

    assert logs_in("other@example.com", PASSWORD) == squatter
    assert balance_of(squatter) == 50_000


def test_the_owner_moves_an_account_to_an_address_that_another_uses_without_proof(squatter):
    me = UserFactory()
    mine = browser_of(me)
    change(mine, OWNERS)
    mine.post(link_to(OWNERS))

    assert logs_in(OWNERS, PASSWORD) == me
    squatter.refresh_from_db()
    assert squatter.email is None


def test_links_that_were_sent_before_the_owner_came_are_worth_nothing(squatter):
    squatters = browser_of(squatter)
    squatters.post(reverse("account_send_proof"))
    old = link_to(OWNERS)
    sign_up()
    Client().post(link_to(OWNERS), {"name": "x", "password1": OWNERS_PASSWORD, **CONSENTS})

    assert squatters.post(old).status_code == 410
    assert User.objects.get(email=OWNERS) != squatter


@pytest.mark.parametrize("how", ["page", "api"])
def test_a_confirmed_address_cannot_be_used_by_another_account(how):
    owner, me = UserFactory(email=OWNERS), UserFactory()
    if how == "page":
        assert change(browser_of(me), OWNERS.upper()).context["form"].errors["email"]
    else:
        fields = {"email": OWNERS.upper(), "password": PASSWORD}
        answer = app_of(me).post("/api/v1/me/email-changes/", fields, format="json")
        assert (answer.status_code, answer.json()["code"]) == (400, "email_taken")
    assert mails_to(OWNERS) == []
    assert logs_in(OWNERS, PASSWORD) == owner


def test_an_address_confirmed_before_the_link_is_followed_keeps_its_account():
    me = UserFactory()
    mine = browser_of(me)
    change(mine, OWNERS)
    link = link_to(OWNERS)
    owner = UserFactory(email=OWNERS)

    assert mine.post(link).status_code == 200
    assert logs_in(OWNERS, PASSWORD) == owner
    me.refresh_from_db()
    assert me.email != OWNERS


# --- A change of address by its user -----------------------------------------------------------


@pytest.mark.parametrize("how", ["page", "api"])
def test_an_address_changes_once_the_new_one_is_proven_and_the_old_one_is_told(how):
    me = UserFactory(email="old@example.com")
    here, elsewhere, phone = browser_of(me), browser_of(me), app_of(me)
    if how == "page":
        assert change(here, "new@example.com").status_code == 302
    else:
        fields = {"email": "new@example.com", "password": PASSWORD}
        assert phone.post("/api/v1/me/email-changes/", fields, format="json").status_code == 202
    assert logs_in("old@example.com", PASSWORD) == me
    assert logs_in("new@example.com", PASSWORD) is None

    here.post(link_to("new@example.com"))

    assert logs_in("new@example.com", PASSWORD) == me
    assert logs_in("old@example.com", PASSWORD) is None
    assert not any("new@example.com" in mail.body for mail in mails_to("old@example.com"))
    assert OutgoingMessage.objects.filter(kind="changed", recipient="old@example.com").count() == 1
    assert is_logged_in(here)
    assert not is_logged_in(elsewhere)
    assert not is_logged_in(phone)
    assert sign_up("old@example.com").status_code == 302, "the old one is free"


def test_a_new_address_takes_the_accounts_password(squatter):
    client = browser_of(squatter)
    assert change(client, "new@example.com", "a guess").context["form"].errors["password"]
    answer = app_of(squatter).post(
        "/api/v1/me/email-changes/",
        {"email": "new@example.com", "password": PASSWORD + " "},
        format="json",
    )
    assert (answer.status_code, answer.json()["code"]) == (403, "wrong_password")
    assert mails_to("new@example.com") == []


def test_a_link_to_a_new_address_ends_with_the_password_or_address_it_was_asked_with():
    me = UserFactory()
    client = browser_of(me)
    change(client, "first@example.com")
    change(client, "second@example.com")
    first = link_to("first@example.com")
    client.post(link_to("second@example.com"))
    assert client.post(first).status_code == 410

    change(client, "third@example.com")
    third = link_to("third@example.com")
    me.refresh_from_db()
    me.set_password("another long one")
    me.save()
    assert browser_of(me).post(third).status_code == 410


@pytest.mark.parametrize("verified", [True, False])
def test_a_link_to_a_new_address_is_invalid_after_the_old_address_is_back(operator, verified):
    me = UserFactory(email="old@example.com", **({} if verified else {"email_verified_at": None}))
    change(browser_of(me), "wanted@example.com")
    link = link_to("wanted@example.com")
    rename(operator, me, "operators@example.com")
    rename(operator, me, "old@example.com")

    assert browser_of(me).post(link).status_code == 410
    assert User.objects.get(pk=me.pk).email == "old@example.com"


def test_a_link_that_was_used_is_not_good_again_after_a_change_back():
    me = UserFactory(email="old@example.com")
    mine = browser_of(me)
    change(mine, "new@example.com")
    used = link_to("new@example.com")
    mine.post(used)
    change(mine, "old@example.com")
    mine.post(link_to("old@example.com"))
    assert User.objects.get(pk=me.pk).email == "old@example.com"

    assert mine.post(used).status_code == 410


def test_a_link_to_a_new_address_is_not_sent_once_the_address_has_changed(operator):
    me = UserFactory(email="old@example.com")
    change(browser_of(me), "wanted@example.com")
    rename(operator, me, "operators@example.com")

    assert mails_to("wanted@example.com") == []


def test_confirming_the_old_address_leaves_a_link_to_a_new_one_good():
    me = UserFactory(email="old@example.com", email_verified_at=None)
    mine = browser_of(me)
    mine.post(reverse("account_send_proof"))
    change(mine, "new@example.com")
    mine.post(link_to("old@example.com"))
    assert User.objects.get(pk=me.pk).email_verified

    mine.post(link_to("new@example.com"))

    assert User.objects.get(pk=me.pk).email == "new@example.com"


def test_a_link_that_was_read_before_the_address_changed_does_not_change_it_back(operator):
    me = UserFactory(email="old@example.com")
    change(browser_of(me), "wanted@example.com")
    key = link_to("wanted@example.com").rstrip("/").rpartition("/")[2]
    link = read_link(key, Kind.CHANGE)
    rename(operator, me, "operators@example.com")

    with pytest.raises(LinkUsed):
        prove_email(link=link, origin="http://testserver")

    assert User.objects.get(pk=me.pk).email == "operators@example.com"


def test_links_are_good_for_a_day(client):
    sign_up()
    link = link_to(OWNERS)
    with time_machine.travel(timezone.now() + dt.timedelta(hours=23)):
        assert client.get(link).status_code == 200
    with time_machine.travel(timezone.now() + dt.timedelta(hours=25)):
        assert client.get(link).status_code == 410


@pytest.mark.parametrize(
    "path", ["address/confirm/x/", "address/own/x/", "password/reset/key/x/", "address/own/x:y:z/"]
)
def test_a_link_that_was_not_sent_leads_nowhere(client, path):
    assert client.get(f"/accounts/{path}").status_code == 410
    assert client.post(f"/accounts/{path}", {"password1": PASSWORD}).status_code == 410


def test_a_link_of_one_kind_is_none_of_another(client):
    sign_up()
    key = link_to(OWNERS).rstrip("/").rpartition("/")[2]
    for path in ("address/own", "password/reset/key"):
        assert client.get(f"/accounts/{path}/{key}/").status_code == 410


# --- A change of address by an operator --------------------------------------------------------


@pytest.fixture
def operator():
    return browser_of(StaffFactory(is_superuser=True))


def rename(operator, user, email):
    address = reverse("admin:accounts_user_change", args=[user.pk])
    return operator.post(address, {"email": email, "name": user.name, "is_active": "on"})


def test_an_operators_change_of_an_address_takes_effect_immediately(operator):
    user = UserFactory(email="old@example.com")
    page, phone = browser_of(user), app_of(user)

    assert rename(operator, user, "New@Example.com").status_code == 302

    assert logs_in("new@example.com", PASSWORD) == user
    assert logs_in("old@example.com", PASSWORD) is None
    assert not is_logged_in(page)
    assert not is_logged_in(phone)
    assert len(mails_to("old@example.com")) == 1
    user.refresh_from_db()
    assert not user.email_verified
    browser_of(user).post(link_to("new@example.com"))
    user.refresh_from_db()
    assert user.email_verified
    assert sign_up("old@example.com").status_code == 302


def test_reset_links_sent_before_an_operators_change_are_worth_nothing(operator):
    user = UserFactory(email="old@example.com")
    Client().post("/accounts/password/reset/", {"email": "old@example.com"})
    link = link_to("old@example.com")
    rename(operator, user, "new@example.com")

    assert Client().post(link, {"password1": "Stolen-Harbor-1"}).status_code == 410


def test_an_operator_cannot_give_an_address_that_is_taken(operator):
    UserFactory(email=OWNERS)
    user = UserFactory()
    assert rename(operator, user, OWNERS.upper()).status_code == 200
    assert rename(operator, user, "fañ@example.com").status_code == 200
    assert User.objects.get(pk=user.pk).email == user.email


def test_an_operator_who_saves_the_form_as_it_is_changes_nothing(operator):
    user = UserFactory()
    page = browser_of(user)
    rename(operator, user, user.email)
    assert is_logged_in(page)
    assert User.objects.get(pk=user.pk).email_verified
    assert mails_to(user.email) == []


def test_an_operator_who_changes_their_own_address_remains_logged_in():
    boss = StaffFactory(is_superuser=True)
    boss.user_permissions.set(Permission.objects.all())
    here = browser_of(boss)
    address = reverse("admin:accounts_user_change", args=[boss.pk])
    fields = {"email": "boss@example.com", "name": "b", "is_active": "on", "is_staff": "on"}
    here.post(address, fields | {"is_superuser": "on"})
    assert is_logged_in(here)


# --- Mail --------------------------------------------------------------------------------------


def test_mail_has_no_word_that_a_user_chose():
    name = "free tickets at evil.example"
    me = UserFactory(name=name, email="old@example.com")
    here = browser_of(me)
    change(here, "new@example.com")
    here.post(link_to("new@example.com"))
    Client().post("/accounts/password/reset/", {"email": "new@example.com"})
    UserFactory(email=OWNERS, email_verified_at=None, name=name)
    sign_up()
    send_due()

    assert len(mail.outbox) == 5
    for each in mail.outbox:
        assert "evil.example" not in each.subject + each.body + str(each.extra_headers)


def test_strangers_cannot_fill_a_mailbox():
    UserFactory(email=OWNERS)
    for _again in range(10):
        Client().post("/accounts/password/reset/", {"email": OWNERS})
    assert len(mails_to(OWNERS)) == 5


def test_a_mail_is_in_the_language_of_the_user_who_requested_it():
    UserFactory(email=OWNERS)
    for language in ("ko", "en"):
        headers = {"Accept-Language": language}
        Client().post("/accounts/password/reset/", {"email": OWNERS}, headers=headers)
    subjects = [each.subject for each in mails_to(OWNERS)]
    assert subjects == ["새 비밀번호 설정", "Choose a new password"]


def test_mail_waits_for_a_mail_server_that_is_away(settings, monkeypatch):
    sign_up()
    away = settings.EMAIL_BACKEND
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1
    assert send_due() == 0
    settings.EMAIL_BACKEND = away
    assert send_due() == 0, "the next attempt is a minute later"
    OutgoingMessage.objects.update(due_at=timezone.now() - dt.timedelta(seconds=1))
    assert send_due() == 1
    assert send_due() == 0


def test_allauths_table_of_addresses_remains_empty(operator):
    me = UserFactory()
    here = browser_of(me)
    here.post("/accounts/login/", {"login": me.email, "password": PASSWORD})
    change(here, "new@example.com")
    here.post(link_to("new@example.com"))
    new = {"oldpassword": PASSWORD, "password1": OWNERS_PASSWORD, "password2": OWNERS_PASSWORD}
    here.post("/accounts/password/change/", new)
    Client().post("/accounts/password/reset/", {"email": "new@example.com"})
    Client().post(link_to("new@example.com"), {"password1": PASSWORD + "!"})
    rename(operator, User.objects.get(pk=me.pk), "newer@example.com")
    assert logs_in("newer@example.com", PASSWORD + "!") == me
    assert not EmailAddress.objects.exists()


def test_an_address_in_allauths_table_opens_nothing():
    me = UserFactory(email="me@example.com")
    EmailAddress.objects.create(user=me, email=OWNERS, verified=True)
    assert logs_in(OWNERS, PASSWORD) is None
    assert sign_up().status_code == 302
