"""Sign-up, by the page and by the API: the same rules, the same refusals."""

import pytest
from allauth.account.models import EmailAddress
from django.contrib.sessions.models import Session
from django.test import Client

from accounts.models import User
from tests.factories import CONSENTS, PASSWORD, UserFactory
from tests.mailbox import mails_to

pytestmark = pytest.mark.django_db

EMAIL = "buyer@example.com"


def by_api(email=EMAIL, password=PASSWORD, name="팬", **headers):
    """None when the account was created, else the field and the code of each error."""
    fields = {"email": email, "password": password, "name": name}
    answer = Client().post(
        "/api/v1/auth/signup/", fields, content_type="application/json", headers=headers
    )
    if answer.status_code == 201:
        return None
    assert answer.status_code == 400, answer.content
    return {(each["field"], each["code"]) for each in answer.json()["errors"]}


def by_page(email=EMAIL, password=PASSWORD, name="팬"):
    fields = {"email": email, "password1": password, "name": name, **CONSENTS}
    answer = Client().post("/accounts/signup/", fields)
    if answer.status_code == 302:
        return None
    assert answer.status_code == 200
    errors = answer.context["form"].errors.as_data()
    return {(field.rstrip("1"), each.code) for field in errors for each in errors[field]}


FACES = pytest.mark.parametrize("sign_up", [by_api, by_page])


@FACES
def test_a_newcomer_gets_an_account_and_a_link_to_confirm_the_address(sign_up):
    assert sign_up() is None

    user = User.objects.get()
    assert (user.email, user.name, user.email_verified) == (EMAIL, "팬", False)
    assert user.check_password(PASSWORD)
    (mail,) = mails_to(EMAIL)
    assert "/accounts/address/confirm/" in mail.body
    assert not EmailAddress.objects.exists(), "allauth's table is not used"


@FACES
@pytest.mark.parametrize(
    "typed",
    [
        "BUYER@Example.COM",
        "  buyer@example.com ",
        "ｂｕｙｅｒ＠ｅｘａｍｐｌｅ．ｃｏｍ",
        "buyer@ｅxample。com",
    ],
)
def test_an_address_has_one_spelling_however_it_is_typed(sign_up, typed):
    assert sign_up(typed) is None
    assert User.objects.get().email == EMAIL
    assert by_api() == by_page() == by_api(typed) == by_page(typed) == {("email", "email_taken")}


@FACES
def test_an_international_domain_is_one_address_with_its_punycode(sign_up):
    assert sign_up("buyer@예매.kr") is None
    assert User.objects.get().email == "buyer@xn--9z2b15t.kr"
    assert by_api("buyer@xn--9z2b15t.kr") == {("email", "email_taken")}


@FACES
@pytest.mark.parametrize(
    ("email", "code"),
    [
        ("mınji@example.com", "invalid"),
        ("fañ@example.com", "invalid"),
        ("buyer", "invalid"),
        ("buyer@", "invalid"),
        ("buyer@ex ample.com", "invalid"),
        ("buyer\n@example.com", "invalid"),
        ('"buyer"@example.com', "invalid"),
        ('"f\\ an"@example.com', "invalid"),
        ('"f\x01an"@example.com', "invalid"),
        ("a" * 250 + "@example.com", "max_length"),
    ],
)
def test_an_invalid_email_address_is_refused(sign_up, email, code):
    errors = sign_up(email)
    assert {field for field, _code in errors} == {"email"}
    assert code in {code for _field, code in errors}
    assert not User.objects.exists()


@FACES
@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("a\x07b", "invalid"),
        ("a\nb", "invalid"),
        ("a\u2028b", "invalid"),
        ("\u202egnp.eman", "invalid"),
        ("a" * 101, "max_length"),
    ],
)
def test_a_name_that_would_garble_the_words_around_it_is_refused(sign_up, name, code):
    assert sign_up(name=name) == {("name", code)}
    assert not User.objects.exists()


@FACES
@pytest.mark.parametrize("name", ["", "   ", "\u200b\u200b", "\u3164"])
def test_a_name_with_nothing_to_see_is_none(sign_up, name):
    assert {field for field, _code in sign_up(name=name)} == {"name"}


@FACES
def test_a_name_of_any_script_with_joined_emoji_is_kept(sign_up):
    assert sign_up(name="  José 김 👩\u200d👩\u200d👧 ") is None
    assert User.objects.get().name == "José 김 👩\u200d👩\u200d👧"


@FACES
@pytest.mark.parametrize(
    ("password", "name"),
    [
        ("bobpark1234", "Bob"),
        ("bobpark1234@example.com", "Bob"),
        ("BobPark1234!", "Bob"),
        ("Jonathan-Q7", "Jonathan-Q7"),
        ("김민지김민지김민지", "김민지김민지김민지"),
        ("password", "Bob"),
        ("12345678", "Bob"),
        ("short", "Bob"),
    ],
)
def test_a_password_that_is_easily_guessed_is_refused(sign_up, password, name):
    errors = sign_up("bobpark1234@example.com", password, name)
    assert {field for field, _code in errors} == {"password"}
    assert not User.objects.exists()


@FACES
@pytest.mark.parametrize("password", [" Quiet-Harbor-4821", "Quiet-Harbor-4821 ", "\tQuiet 4821\t"])
def test_a_password_is_what_was_typed_with_its_white_space(sign_up, password):
    assert sign_up(password=password) is None
    user = User.objects.get()
    assert user.check_password(password)
    assert not user.check_password(password.strip())


@FACES
def test_a_taken_address_is_refused_with_one_code(sign_up):
    UserFactory(email=EMAIL)
    assert sign_up() == {("email", "email_taken")}
    assert not mails_to(EMAIL), "its owner has proven it and needs no mail"


def test_the_api_says_of_a_taken_address_what_the_refusal_is(app):
    UserFactory(email=EMAIL)
    fields = {"email": EMAIL.upper(), "password": PASSWORD, "name": "x"}
    problem = app().post("/api/v1/auth/signup/", fields, format="json").json()
    assert problem["code"] == "email_taken"


def test_a_sign_up_by_api_is_one_session_and_sets_no_cookie(app):
    fields = {"email": EMAIL, "password": PASSWORD, "name": "x"}
    answer = app().post("/api/v1/auth/signup/", fields, format="json")
    assert answer.status_code == 201
    assert "sessionid" not in answer.cookies
    assert Session.objects.count() == 1


def test_a_sign_up_by_page_logs_in_and_goes_where_the_person_wanted_to(client):
    fields = {"email": EMAIL, "password1": PASSWORD, "name": "x", **CONSENTS}
    answer = client.post("/accounts/signup/?next=/tickets/", fields)
    assert answer["Location"] == "/tickets/"
    assert client.get("/tickets/").status_code == 200


def test_a_sign_up_does_not_lead_to_another_site(client):
    fields = {"email": EMAIL, "password1": PASSWORD, "name": "x", **CONSENTS}
    answer = client.post("/accounts/signup/?next=https://evil.example/", fields)
    assert answer["Location"] == "/"


def test_the_page_says_what_a_password_must_be(client):
    assert "8" in client.get("/accounts/signup/").context["form"]["password1"].help_text
