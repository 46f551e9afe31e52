"""Concurrent sign-ups with the same e-mail address."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from tests.concurrency.threads import Meeting, race
from tests.factories import CONSENTS

pytestmark = pytest.mark.django_db(transaction=True)

PASSWORD = "a long enough password"


def at_the_insert():
    return Meeting('INSERT INTO "accounts_user"', before=True)


def test_two_sign_ups_with_one_address_at_once_make_one_account(app):
    def signing_up(email):
        fields = {"email": email, "password": PASSWORD, "name": "팬"}
        return lambda: app().post("/api/v1/auth/signup/", fields, format="json")

    answers = race(
        signing_up("Buyer@Example.com"), signing_up("buyer@example.COM"), meeting=at_the_insert()
    )

    assert sorted(answer.status_code for answer in answers) == [201, 400]
    (refusal,) = [answer.json() for answer in answers if answer.status_code == 400]
    assert refusal["code"] == "email_taken"
    assert [(error["field"], error["code"]) for error in refusal["errors"]] == [
        ("email", "email_taken")
    ]
    assert User.objects.get().email == "buyer@example.com"


def test_the_sign_up_page_survives_the_same_race():
    def signing_up(email):
        fields = {"email": email, "password1": PASSWORD, "name": "팬", **CONSENTS}
        client = Client(raise_request_exception=False)
        return lambda: client.post(reverse("account_signup"), fields)

    answers = race(
        signing_up("Buyer@Example.com"), signing_up("buyer@example.com"), meeting=at_the_insert()
    )

    assert sorted(answer.status_code for answer in answers) == [200, 302], "the form, or logged in"
    assert [answer.wsgi_request.user.is_authenticated for answer in answers].count(True) == 1
    assert User.objects.count() == 1
