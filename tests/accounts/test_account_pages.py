"""The account page and the change of the name."""

import pytest
from django.test import Client

from tests.factories import UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = {"Accept-Language": "en"}


def test_the_account_page_leads_to_everything_that_can_be_changed_and_to_the_log_out(client):
    client.force_login(UserFactory(name="김민지"))

    page = client.get("/accounts/").content.decode()

    for address in ("name/", "address/", "password/change/"):
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
