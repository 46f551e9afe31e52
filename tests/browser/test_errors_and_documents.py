"""Legal pages, sign-up and errors in a real browser."""

import re

import pytest
from playwright.sync_api import expect

from concertbook.errors import TooManyRequests
from concerts import views
from tests.browser.chromium import expect_accessible
from tests.factories import PASSWORD, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("address", "headline"),
    [
        ("/en/about/help/", "Help"),
        ("/en/about/refunds/", "Cancellation and refunds"),
        ("/ko/about/business/", "사업자 정보"),
    ],
)
def test_a_legal_page_is_accessible_and_fits_a_phone(page, address, headline, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address)

    expect_accessible(page, page.get_by_role("heading", level=1, name=headline))
    assert page.evaluate("document.documentElement.scrollWidth") == 390


def test_a_sign_up_without_consent_stays_on_the_page_with_what_was_typed(page):
    page.goto("/accounts/signup/")
    page.locator("form[method=post]").evaluate_all("forms => forms.map(f => f.noValidate = true)")
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_label("Name").fill("새 팬")
    page.get_by_label("agree to the terms").check()
    page.get_by_role("main").get_by_role("button", name="Sign up").click()

    refused = page.get_by_text("Without your agreement to this we cannot open an account.")
    expect_accessible(page, refused)
    expect(refused).to_have_count(1)
    expect(page.get_by_label("Email")).to_have_value("new@example.com")
    expect(page.get_by_label("agree to the terms")).to_be_checked()
    expect(page.get_by_label("privacy policy")).not_to_be_checked()


def test_another_language_keeps_what_was_typed_to_sign_up_but_no_password(page):
    page.goto("/accounts/signup/?next=/tickets/")
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_label("Password", exact=True).fill("Quiet-Harbor-4821!")
    page.get_by_label("agree to the terms").check()

    page.get_by_role("button", name="한국어").click()

    expect(page.get_by_role("heading", level=1, name="회원가입")).to_be_visible()
    expect(page.locator("main [name=email]")).to_have_value("new@example.com")
    expect(page.locator("main [name=password1]")).to_have_value("")
    expect(page.locator("main [name=terms]")).to_be_checked()
    expect(page).to_have_url(re.compile(r"\?next=/tickets/$"))


def test_another_language_keeps_what_was_typed_to_log_in_and_where_to_go(page):
    user = UserFactory()
    page.goto("/accounts/login/?next=/tickets/")
    page.get_by_label("Email").fill(user.email)

    page.get_by_role("button", name="한국어").click()
    expect(page.get_by_role("heading", level=1, name="로그인")).to_be_visible()
    expect(page.locator("main [name=login]")).to_have_value(user.email)
    page.locator("main [name=password]").fill(PASSWORD)
    page.locator("main [name=password]").press("Enter")

    expect(page).to_have_url(re.compile("/tickets/$"))


def test_a_page_over_the_limit_counts_down_and_opens_by_itself(
    page, complaints, monkeypatch, settings
):
    find = views.programme.find_concerts
    refusals = [TooManyRequests(retry_after=2)]

    def refuse_once(*args, **kwargs):
        if refusals:
            raise refusals.pop()
        return find(*args, **kwargs)

    monkeypatch.setattr(views.programme, "find_concerts", refuse_once)

    page.goto("/?search=jazz")
    expect(page.get_by_text("This page tries again by itself.")).to_be_visible()

    expect(page.get_by_role("heading", level=1, name="Concerts")).to_be_visible()
    # The refused answer is an error to the browser's console.
    assert all("429" in each for each in complaints)
    complaints.clear()
