"""The footer of every page: the seller's details and the legal pages."""

import re

import pytest
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext

from accounts.models import Business
from accounts.services import business
from tests.concertbook.test_admin_forms import form_on
from tests.factories import StaffFactory, UserFactory

pytestmark = pytest.mark.django_db


def details(**fields):
    values = {
        field.name: getattr(business.SAMPLE, field.name)
        for field in Business._meta.fields
        if field.name not in ("id", "published_at")
    }
    return values | fields


def footer(client, address="/", language="ko"):
    page = client.get(address, headers={"Accept-Language": language}).content.decode()
    (found,) = re.findall(r"<footer.*?</footer>", page, re.DOTALL)
    return found


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "ko",
            ["대표 김예매", "사업자등록번호", "통신판매업 신고번호", "개인정보 처리방침</strong>"],
        ),
        ("en", ["Representative Kim Yemae", "Hosting", "Privacy policy</strong>", "Help"]),
    ],
)
def test_it_shows_what_the_law_wants_and_marks_the_sample_as_such(client, language, said):
    shown = footer(client, language=language)

    for each in [*said, "02-000-0000", "000-00-00000", "2026-서울마포-00000"]:
        assert each in shown
    assert ("예시 정보" if language == "ko" else "sample data") in shown
    assert "/api/" not in shown


def test_what_an_operator_enters_is_shown_from_then_on(client):
    footer(client)
    client.force_login(StaffFactory(is_superuser=True))
    fields = form_on(client.get("/admin/accounts/business/add/"))
    fields |= {"name_ko": "한밤기획", "business_number": "123-45-67890"}

    saved = client.post("/admin/accounts/business/add/", fields)

    assert saved.status_code == 302, saved.context["adminform"].form.errors

    business.forget_business()
    shown = footer(client)
    assert "한밤기획" in shown
    assert "123-45-67890" in shown
    assert "예시 정보" not in shown


def test_a_business_number_has_its_form(client):
    client.force_login(StaffFactory(is_superuser=True))

    page = client.post("/admin/accounts/business/add/", details(business_number="12345"))

    assert "business_number" in page.context["adminform"].form.errors


def test_a_page_does_not_read_the_details_again_within_a_second(client):
    footer(client, "/accounts/login/")

    with CaptureQueriesContext(connection) as seen:
        footer(client, "/accounts/login/")

    assert not [each for each in seen.captured_queries if "accounts_business" in each["sql"]]


def test_a_public_page_shows_new_details_within_a_second(client, monkeypatch):
    footer(client)
    Business.objects.create(**details(name_ko="한밤기획"))
    assert "한밤기획" not in footer(client), "remembered"

    later = business.monotonic() + 1.1
    monkeypatch.setattr(business, "monotonic", lambda: later)

    assert "한밤기획" in footer(client)


def test_while_the_database_is_away_the_footer_keeps_what_it_knew(client, monkeypatch):
    Business.objects.create(**details(name_ko="한밤기획"))
    assert "한밤기획" in footer(client)

    def away():
        raise OperationalError

    monkeypatch.setattr(Business.objects, "first", away)

    assert business.find_business(oldest=0).name_ko == "한밤기획"


def test_links_keep_the_language_that_the_visitor_has_chosen(client):
    assert 'href="/about/terms/"' in footer(client, "/")
    assert 'href="/en/about/terms/"' in footer(client, "/en/")
    client.force_login(UserFactory())
    client.cookies["django_language"] = "en"
    assert 'href="/en/about/terms/"' in footer(client, "/balance/")
