"""Refusals as pages and messages: what happened, what it means, where to go on."""

import re

import pytest
from django.db import OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.services import business
from concertbook.errors import TooManyRequests
from concerts import views
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    bought,
    held,
    overdue,
)

pytestmark = pytest.mark.django_db

ENGLISH = {"Accept-Language": "en"}
UNKNOWN = "00000000-0000-0000-0000-000000000000"


def main_of(response):
    return re.search(r"<main.*</main>", response.content.decode(), re.DOTALL)[0]


def headline(response):
    return re.search(r"<h1>(.*?)</h1>", main_of(response), re.DOTALL)[1]


@pytest.fixture
def buyer(client):
    buyer = UserFactory(won=1_000_000)
    client.force_login(buyer)
    return buyer


@pytest.mark.parametrize(
    ("language", "what", "means"),
    [
        ("en", "There is nothing here", "Nothing was changed."),
        ("ko", "페이지가 없거나", "바뀐 것은 없습니다."),
    ],
)
@pytest.mark.parametrize("path", ["/nowhere/", f"/concerts/{UNKNOWN}/", "/about/nothing/"])
def test_an_unknown_page_says_so_in_a_sentence_and_leads_on(client, path, language, what, means):
    page = client.get(path, headers={"Accept-Language": language})

    assert page.status_code == 404
    assert what in headline(page)
    assert means in main_of(page)
    assert 'class="button" href="/"' in main_of(page)
    assert '<p class="huge"' not in main_of(page)
    assert "<code>not_found</code>" in main_of(page)
    assert "</footer>" in page.content.decode()


def test_an_operator_without_the_permission_is_led_back_to_the_staffs_pages(client):
    client.force_login(StaffFactory())

    page = client.get("/admin/accounts/user/add/", headers=ENGLISH)

    assert page.status_code == 403
    assert headline(page) == "You may not do this."
    assert 'class="button" href="/admin/"' in main_of(page)


def test_a_form_without_a_token_leads_back_to_the_form():
    page = Client(enforce_csrf_checks=True).post(
        "/accounts/login/", headers={**ENGLISH, "Referer": "http://testserver/accounts/login/"}
    )

    assert page.status_code == 403
    assert headline(page) == "Please send the form again"
    assert 'class="button" href="http://testserver/accounts/login/"' in main_of(page)


def test_the_address_of_a_form_opened_as_a_page_explains_itself(client):
    page = client.get("/i18n/setlang/", headers=ENGLISH)
    assert page.status_code in (302, 405)

    page = client.delete("/accounts/signup/", headers=ENGLISH)

    assert page.status_code == 405
    assert page["Allow"] == "GET, HEAD, POST"
    assert "belongs to a form" in main_of(page)


def test_a_form_that_is_too_large_leads_back(client):
    page = client.post("/accounts/signup/", {"name": "x" * 70_000}, headers=ENGLISH)

    assert page.status_code == 413
    assert "64 KiB" in headline(page)
    assert "Nothing was changed" in main_of(page)


def refuse_with(monkeypatch, error):
    def refuse(*args, **kwargs):
        raise error

    monkeypatch.setattr(views.programme, "find_concerts", refuse)


def test_a_page_over_the_limit_says_how_long_and_tries_again_by_itself(client, monkeypatch):
    refuse_with(monkeypatch, TooManyRequests(retry_after=9))

    page = client.get("/", headers=ENGLISH)

    assert page.status_code == 429
    assert page["Retry-After"] == "9"
    assert 'data-countdown="9">in 9 seconds</span>' in main_of(page)
    assert "Your place in line, your seats and your money are not affected." in main_of(page)
    # Without JavaScript as well.
    assert '<noscript><meta http-equiv="refresh" content="9"></noscript>' in page.content.decode()
    assert 'class="button" href="/"' in main_of(page)


def test_a_form_over_the_limit_is_not_sent_again_by_itself(client, monkeypatch):
    def refuse(*args, **kwargs):
        raise TooManyRequests(retry_after=890)

    monkeypatch.setattr("accounts.log_in.authenticate", refuse)

    fields = {"login": "a@example.com", "password": "x"}
    page = client.post("/accounts/login/", fields, headers=ENGLISH)

    assert page.status_code == 429
    assert "Please send it again in 15 minutes." in main_of(page)
    assert "data-countdown" not in main_of(page)
    assert "http-equiv" not in page.content.decode()
    assert 'class="button" href="/accounts/login/">Back to the page' in main_of(page)


def test_without_the_database_a_page_says_so_and_asks_the_database_nothing_more(
    client, buyer, monkeypatch
):
    def away(*args, **kwargs):
        raise OperationalError

    business.forget_business()
    monkeypatch.setattr("payments.ticket_views.find_tickets", away, raising=False)
    monkeypatch.setattr("django.contrib.auth.get_user", away)

    with CaptureQueriesContext(connection) as seen:
        page = client.get("/tickets/", headers=ENGLISH)

    assert page.status_code == 503
    assert "The same payment is never made twice." in main_of(page)
    assert "data-countdown" in main_of(page)
    assert not [each for each in seen.captured_queries if "SESSION" not in each["sql"].upper()]


def test_an_error_of_ours_has_a_page_of_its_own(client, monkeypatch):
    client.raise_request_exception = False

    def fail(*args, **kwargs):
        raise RuntimeError

    monkeypatch.setattr(views.programme, "find_concerts", fail)

    page = client.get("/", headers=ENGLISH)

    assert page.status_code == 500
    assert headline(page) == "Something went wrong on our side."
    assert 'class="button" href="/tickets/"' in main_of(page)


def test_a_refused_form_says_what_it_means_for_money_and_leads_on(client, buyer):
    schedule = ScheduleFactory(seats=3, price=10_000)
    receipt = bought(buyer, schedule, 1)
    ticket = receipt.tickets[0]
    cancel = f"/tickets/{ticket.pk}/cancel/"
    form = client.get(cancel).context["once"]
    client.post(cancel, {"key": form["key"].value()}, follow=True)

    again = client.post(cancel, {"key": UNKNOWN}, headers=ENGLISH, follow=True)

    (message,) = (str(each) for each in again.context["messages"])
    assert message.startswith("This is already cancelled. The refund was made once")
    assert '<a href="/balance/">My balance</a>' in message
    assert '<a href="/balance/">My balance</a>' in again.content.decode(), "not escaped"


def test_a_lost_hold_says_that_no_money_was_taken(client, buyer):
    schedule = ScheduleFactory(seats=3, price=10_000)
    admitted(buyer, schedule)
    (hold,) = held(buyer, schedule, 1)
    form = client.get("/checkout/").context["once"]
    overdue(hold)
    fields = {"key": form["key"].value(), "reservations": [hold.pk]}

    page = client.post("/checkout/", fields, headers=ENGLISH, follow=True)

    assert "no money was taken." in page.content.decode().lower()
