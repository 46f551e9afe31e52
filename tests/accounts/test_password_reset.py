"""A new password by mail, for the account of this mailbox only."""

import pytest
from django.test import Client

from accounts.email_links import Kind, read_link
from accounts.errors import LinkUsed
from accounts.models import User
from accounts.services.password_reset import reset_password
from tests.accounts.test_email_address import app_of, browser_of, is_logged_in, logs_in
from tests.factories import PASSWORD, UserFactory, balance_of
from tests.mailbox import link_to, mails_to

pytestmark = pytest.mark.django_db

EMAIL = "buyer@example.com"
NEW = "Quiet-Harbor-4821!"


def ask(email):
    return Client().post("/accounts/password/reset/", {"email": email})


def test_the_link_sets_a_password_and_ends_every_session():
    user = UserFactory(email=EMAIL, won=50_000)
    browser, app = browser_of(user), app_of(user)
    assert ask(EMAIL)["Location"] == "/accounts/password/reset/done/"
    link = link_to(EMAIL)

    assert Client().post(link, {"password1": NEW}).status_code == 200

    assert logs_in(EMAIL, NEW) == user
    assert logs_in(EMAIL, PASSWORD) is None
    assert not is_logged_in(browser)
    assert not is_logged_in(app)
    assert Client().post(link, {"password1": NEW + "2"}).status_code == 410


@pytest.mark.parametrize(
    "typed",
    [
        "BUYER@EXAMPLE.COM",
        " buyer@example.com",
        "ｂｕｙｅｒ@example.com",
        "buyer@example.com\u3000",
    ],
)
def test_the_link_goes_to_the_address_as_the_account_has_it(typed):
    UserFactory(email=EMAIL)
    ask(typed)
    assert len(mails_to(EMAIL)) == 1


@pytest.mark.parametrize(
    "typed",
    ["mınji@example.com", "minji@exampłe.com", "minji@ex\u0430mple.com", "minji\x00@a.b", "x"],
)
def test_a_look_alike_gets_no_link_and_the_same_answer(typed):
    UserFactory(email="minji@example.com")
    assert ask(typed).status_code in (200, 302)
    assert mails_to("minji@example.com") == []
    assert mails_to(typed) == []


def test_an_address_without_an_account_gets_no_mail_and_the_same_answer():
    UserFactory(email="away@example.com", is_active=False)
    UserFactory(email=EMAIL)
    answers = [ask(email) for email in (EMAIL, "none@example.com", "away@example.com")]
    assert {answer["Location"] for answer in answers} == {"/accounts/password/reset/done/"}
    assert mails_to("none@example.com") == mails_to("away@example.com") == []


def test_the_link_proves_the_address():
    user = UserFactory(email=EMAIL, email_verified_at=None)
    ask(EMAIL)
    Client().post(link_to(EMAIL), {"password1": NEW})
    user.refresh_from_db()
    assert user.email_verified
    assert logs_in(EMAIL, NEW) == user


def test_a_link_used_twice_at_once_sets_one_password():
    user = UserFactory(email=EMAIL)
    ask(EMAIL)
    key = link_to(EMAIL).rstrip("/").rpartition("/")[2]
    both = [read_link(key, Kind.RESET) for _again in range(2)]  # before either is used

    reset_password(link=both[0], password=NEW, keep_account=True)
    with pytest.raises(LinkUsed):
        reset_password(link=both[1], password=NEW + "2", keep_account=True)

    assert logs_in(EMAIL, NEW) == user


def test_a_weak_password_or_one_like_the_account_is_refused():
    user = UserFactory(email="bobpark1234@example.com", name="Jonathan-Q7")
    ask(user.email)
    link = link_to(user.email)
    for weak in ("bobpark1234", "Jonathan-Q7", "short", "password"):
        assert Client().post(link, {"password1": weak}).context["form"].errors["password1"]
    assert Client().post(link, {"password1": f" {NEW} "}).status_code == 200
    assert logs_in(user.email, f" {NEW} ") == user
    assert logs_in(user.email, NEW) is None


def test_the_owner_of_the_mailbox_does_not_get_another_persons_money():
    squatter = UserFactory(email=EMAIL, email_verified_at=None, won=50_000)
    squatters = app_of(squatter)
    ask(EMAIL)
    link = link_to(EMAIL)
    assert 'type="radio" name="account" value="new" required' in Client().get(link).content.decode()

    Client().post(link, {"password1": NEW, "account": "new"})

    owner = logs_in(EMAIL, NEW)
    assert owner != squatter
    assert (balance_of(owner), owner.email_verified) == (0, True)
    assert logs_in(EMAIL, PASSWORD) is None
    assert squatters.get("/api/v1/me/").json()["email"] is None
    assert squatters.get("/api/v1/me/balance/").json() == {"amount": 50_000}


def test_a_reset_form_without_a_choice_leaves_the_money_with_the_old_account():
    squatter = UserFactory(email=EMAIL, email_verified_at=None, won=50_000)
    ask(EMAIL)
    Client().post(link_to(EMAIL), {"password1": NEW})
    assert logs_in(EMAIL, NEW) != squatter
    assert balance_of(squatter) == 50_000


def test_a_buyer_who_never_confirmed_the_address_keeps_their_money():
    buyer = UserFactory(email=EMAIL, email_verified_at=None, won=50_000)
    ask(EMAIL)
    Client().post(link_to(EMAIL), {"password1": NEW, "account": "keep"})
    assert logs_in(EMAIL, NEW) == buyer
    assert User.objects.count() == 1
