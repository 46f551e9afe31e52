"""Consents: what a new account agrees to, in which version, and when."""

import pytest
from django.test import Client
from django.utils import timezone

from accounts.email_links import Kind, make_link
from accounts.models import Consent, User
from accounts.services.documents import publish
from tests.factories import CONSENTS, PASSWORD

pytestmark = pytest.mark.django_db

EMAIL = "buyer@example.com"
PAGE = {"email": EMAIL, "password1": PASSWORD, "name": "팬"}


def consents():
    user = User.objects.get(email=EMAIL)
    return set(user.consents.values_list("document", "version"))


def sign_up(client=None, **fields):
    return (client or Client()).post(
        "/accounts/signup/", PAGE | fields, headers={"Accept-Language": "en"}
    )


def test_a_sign_up_by_page_stores_the_versions_that_were_shown_and_the_time():
    before = timezone.now()

    assert sign_up(**CONSENTS).status_code == 302

    assert consents() == {("terms", 1), ("privacy", 1)}
    assert all(before <= each.agreed_at <= timezone.now() for each in Consent.objects.all())


def test_a_sign_up_by_api_agrees_to_the_versions_in_force(app):
    publish(kind="terms", text_ko="새 약관", effective_on=timezone.localdate())
    fields = {"email": EMAIL, "password": PASSWORD, "name": "팬"}

    assert app().post("/api/v1/auth/signup/", fields, format="json").status_code == 201

    assert consents() == {("terms", 2), ("privacy", 1)}


@pytest.mark.parametrize("missing", ["terms", "privacy"])
def test_without_one_consent_there_is_no_account_and_the_error_stands_beside_its_box(missing):
    given = {name: value for name, value in CONSENTS.items() if name != missing}

    page = sign_up(**given)

    assert page.context["form"].errors.keys() == {missing}
    assert f'id="id_{missing}_error"' in page.content.decode()
    assert "cannot open an account" in page.content.decode()
    assert not User.objects.exists()
    (kept,) = given
    assert f'name="{kept}" value="1"' in page.content.decode()
    assert page.content.decode().count("checked") == 1, "what was agreed to is kept"


def test_a_document_that_changed_after_the_page_was_opened_is_asked_for_again():
    client = Client()
    assert 'name="terms" value="1"' in client.get("/accounts/signup/").content.decode()
    publish(kind="terms", text_ko="새 약관", effective_on=timezone.localdate())

    page = sign_up(client, **CONSENTS)

    assert "changed just now" in page.content.decode()
    assert 'name="terms" value="2"' in page.content.decode()
    assert not User.objects.exists()
    assert sign_up(client, **CONSENTS | {"terms": "2"}).status_code == 302
    assert consents() == {("terms", 2), ("privacy", 1)}


def test_the_owner_of_a_mailbox_who_claims_the_address_agrees_as_well(client):
    link = make_link(kind=Kind.CLAIM, email=EMAIL, user=None)
    fields = {"name": "주인", "password1": PASSWORD}

    refused = client.post(f"/accounts/address/own/{link}/", fields)
    assert refused.context["form"].errors.keys() == {"terms", "privacy"}
    assert client.post(f"/accounts/address/own/{link}/", fields | CONSENTS).status_code == 302

    assert consents() == {("terms", 1), ("privacy", 1)}


def test_the_boxes_link_to_the_documents_in_the_language_of_the_page(client):
    client.cookies["django_language"] = "en"

    page = client.get("/accounts/signup/").content.decode()

    assert 'href="/en/about/terms/" target="_blank"' in page
    assert 'href="/en/about/privacy/" target="_blank"' in page
