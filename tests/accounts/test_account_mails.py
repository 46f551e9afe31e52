"""The mails about an account: what changed is told to its mailbox, and a charge has a receipt."""

import pytest
from django.core import mail
from django.test import Client

from accounts.gateway import GatewayAnswer
from accounts.models import BalanceHistory, Charge
from accounts.services.charges import settle_charge
from tests.factories import PASSWORD, StaffFactory, UserFactory
from tests.mailbox import link_to, mails_to

pytestmark = pytest.mark.django_db

NEW_PASSWORD = "Quiet-Harbor-4821!"
CHANGED = "Your password has changed"


@pytest.fixture
def me():
    return UserFactory(email="me@example.com", language="en")


def by_its_user(me):
    browser = Client()
    browser.force_login(me)
    fields = {"oldpassword": PASSWORD, "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return browser.post("/accounts/password/change/", fields)


def by_a_link(me):
    Client().post("/accounts/password/reset/", {"email": me.email})
    return Client().post(link_to(me.email), {"password1": NEW_PASSWORD})


def by_an_operator(me):
    browser = Client()
    browser.force_login(StaffFactory(is_superuser=True))
    fields = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return browser.post(f"/admin/accounts/user/{me.pk}/password/", fields)


@pytest.mark.parametrize("change", [by_its_user, by_a_link, by_an_operator])
def test_a_new_password_is_told_to_the_user(me, change):
    change(me)

    me.refresh_from_db()
    assert me.check_password(NEW_PASSWORD)
    assert [each.subject for each in mails_to(me.email)][-1] == CHANGED
    assert mails_to(me.email)[-1].alternatives


def test_a_password_that_is_refused_is_not_told(me):
    browser = Client()
    browser.force_login(me)
    fields = {"oldpassword": "a guess", "password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    browser.post("/accounts/password/change/", fields)

    assert mails_to(me.email) == []


def test_a_new_address_is_told_to_both_mailboxes(me):
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(me)
    fields = {"email": "new@example.com", "password": PASSWORD}
    browser.post("/accounts/address/", fields)
    browser.post(link_to("new@example.com"))

    assert mails_to("new@example.com")[-1].subject == "This is now the address of your account"
    (told,) = mails_to("me@example.com")
    assert "has changed" in told.subject


def test_a_charge_has_one_receipt_and_a_decline_has_none(me):
    for approved in (True, True, False):
        pending = Charge.objects.create(user=me, amount=50_000)
        for _again in range(2):
            settle_charge(charge_id=pending.pk, answer=GatewayAnswer(approved=approved, reason="x"))

    receipts = mails_to(me.email)
    assert [each.subject for each in receipts] == ["Your balance was charged with ₩50,000"] * 2
    assert "Balance after: ₩50,000" in receipts[0].body
    assert "Balance after: ₩100,000" in receipts[1].body
    assert BalanceHistory.objects.count() == 3
    assert "List-Unsubscribe" in mail.outbox[0].extra_headers
