"""The account page and the change of the name."""

import pytest
from django.test import Client

from accounts.models import User
from tests.factories import CONSENTS, PASSWORD, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = {"Accept-Language": "en"}


def test_the_account_page_leads_to_everything_that_can_be_changed_and_to_the_log_out(client):
    client.force_login(UserFactory(name="김민지"))

    page = client.get("/accounts/").content.decode()

    for address in ("name/", "address/", "password/change/", "devices/"):
        assert f'href="/accounts/{address}"' in page
    assert 'action="/accounts/logout/"' in page
    assert 'action="/i18n/setlang/"' in page
    assert "김민지" in page


def test_a_name_is_changed_and_shown_without_spaces_around_it(client):
    user = UserFactory(name="김민지")
    client.force_login(user)

    page = client.post("/accounts/name/", {"name": " 김 민지 "}, headers=ENGLISH, follow=True)

    user.refresh_from_db()
    assert user.name == "김 민지"
    assert page.redirect_chain == [("/accounts/", 302)]
    assert "Your name is changed." in page.content.decode()


@pytest.mark.parametrize("name", ["", " ", "\u200b", "a\u202eb", "x" * 101])
def test_an_invalid_name_is_refused_beside_the_field_and_the_old_one_kept(client, name):
    user = UserFactory(name="김민지")
    client.force_login(user)

    page = client.post("/accounts/name/", {"name": name})

    user.refresh_from_db()
    assert user.name == "김민지"
    assert page.context["form"].errors["name"]
    assert 'id="id_name_error"' in page.content.decode()


def test_the_name_of_a_logged_out_visitor_is_not_asked_for():
    response = Client().get("/accounts/name/")

    assert response["Location"] == "/accounts/login/?next=/accounts/name/"


@pytest.mark.parametrize("language", ["ko", "en"])
def test_an_account_has_the_language_of_the_page_that_opened_it(client, language):
    form = {"email": "new@example.com", "password1": PASSWORD, "name": "김민지", **CONSENTS}

    client.post("/accounts/signup/", form, headers={"Accept-Language": language})

    assert User.objects.get().language == language


def test_the_app_opens_an_account_in_its_language_and_changes_it(client):
    form = {"email": "new@example.com", "password": PASSWORD, "name": "김민지"}
    json = "application/json"
    opened = client.post("/api/v1/auth/signup/", form, json, headers=ENGLISH).json()
    token = {"Authorization": f"Bearer {opened['access']}"}

    assert client.get("/api/v1/me/", headers=token).json()["language"] == "en"
    me = client.patch("/api/v1/me/", {"language": "ko", "name": "민지"}, json, headers=token)
    assert (me.json()["language"], me.json()["name"]) == ("ko", "민지")
    refused = client.patch("/api/v1/me/", {"language": "fr"}, json, headers=token)
    assert refused.status_code == 400
    user = User.objects.get()
    assert (user.language, user.name) == ("ko", "민지")


def test_the_language_button_of_a_logged_in_user_changes_the_account(client):
    user = UserFactory(language="ko")
    client.force_login(user)

    client.post("/i18n/setlang/", {"language": "en"})
    client.post("/i18n/setlang/", {"language": "fr"})

    user.refresh_from_db()
    assert user.language == "en"
    assert Client().post("/i18n/setlang/", {"language": "en"}).status_code == 302


def test_a_new_device_shows_the_pages_in_the_accounts_language():
    user = UserFactory(language="en")
    form = {"login": user.email, "password": PASSWORD}

    korean = {"Accept-Language": "ko"}
    assert (
        Client().post("/accounts/login/", form, headers=korean).cookies["django_language"].value
        == "en"
    )
    chosen = Client()
    chosen.cookies["django_language"] = "ko"
    assert "django_language" not in chosen.post("/accounts/login/", form).cookies
