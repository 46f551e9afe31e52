"""The checkout on a phone: top-up in place, Back, reload, two tabs, an expired hold or session."""

import re

import pytest
from django.test import Client
from playwright.sync_api import expect

from payments.models import Payment, Reservation
from tests.browser.chromium import expect_accessible, log_in
from tests.concurrency.threads import until
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, balance_of, held, overdue

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# And notes what the page shows then.
PRESS_AGAIN_WHILE_IT_IS_SENT = """() => {
  const button = document.querySelector("#pay > button");
  button.click();
  setTimeout(() => {
    const shown = document.querySelector("h1").textContent;
    sessionStorage.second = `${shown}, ${button.disabled ? "disabled" : "enabled"}`;
    button.click();
  }, 30);
}"""
AGREE = "I have read the refund terms"


@pytest.fixture
def schedule():
    return ScheduleFactory(price=25_000, concert__title="밤의 노래", concert__venue="연남 블루룸")


@pytest.fixture
def buyer(page, live_server, schedule):
    """Logged in, holds two seats of 25,000 won, has 10,000 won."""
    buyer = UserFactory(won=10_000)
    held(buyer, schedule, 1, 2)
    log_in(page, live_server, buyer)
    return buyer


def pay(page):
    return page.get_by_role("button", name="Top up and pay ₩50,000")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_declined_top_up_is_explained_and_the_next_one_pays(page, buyer, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto("/checkout/")
    expect_accessible(page, pay(page))
    page.get_by_text("Refund terms", exact=True).click()
    expect(page.get_by_role("table")).to_be_visible()
    expect_accessible(page)

    pay(page).click()
    # The browser asks for the agreement; nothing was sent.
    assert page.get_by_label(AGREE).evaluate("box => box.validity.valueMissing")
    page.get_by_label(AGREE).check()
    page.get_by_label("Amount in won").fill("40002")
    pay(page).click()

    alert = page.get_by_role("alert")
    expect(alert).to_contain_text("Over the card's limit: ₩40,002")
    expect(alert).to_contain_text("the seats are still yours")
    expect(page.get_by_label("Amount in won")).to_have_value("40002")
    expect_accessible(page)

    page.reload()
    expect(alert).to_contain_text("Over the card's limit")
    page.get_by_label("Amount in won").fill("40000")
    page.get_by_label(AGREE).check()
    pay(page).click()

    expect(page.locator(".messages")).to_have_text("Paid. Here are your tickets.")
    expect_accessible(page, page.get_by_role("heading", name="Your order"))
    assert balance_of(buyer) == 0
    page.go_back()
    expect(page.get_by_role("heading", name="Your order")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Your order")).to_be_visible()
    assert Payment.objects.filter(status="SUCCESS").count() == 2


def test_the_agreement_is_asked_for_also_without_the_browsers_help(page, buyer):
    page.goto("/checkout/")
    page.locator("#pay").evaluate("form => { form.noValidate = true; }")
    pay(page).click()

    expect(page.get_by_text("please agree to the refund terms first")).to_be_visible()
    expect(page.get_by_label(AGREE)).to_be_focused()
    expect_accessible(page)
    assert Reservation.objects.filter(status="HOLD").count() == 2


def test_a_second_tab_pays_nothing_twice_and_shows_the_order(page, buyer):
    page.goto("/checkout/")
    tab = page.context.new_page()
    tab.goto("/checkout/")
    for each in (page, tab):
        each.get_by_label(AGREE).check()
        pay(each).click()
        expect(each.get_by_role("heading", name="Your order")).to_be_visible()

    expect(tab.locator(".messages")).to_contain_text("Nothing was paid twice.")
    assert Payment.objects.filter(status="SUCCESS").count() == 2
    assert balance_of(buyer) == 0


def test_a_hold_that_ends_in_view_says_so_and_leads_back_to_the_map(page, buyer, schedule):
    page.goto("/checkout/")
    overdue(*Reservation.objects.all())
    # As when the countdown of the page arrives at 0.
    page.reload()

    heading = page.get_by_role("heading", name="The time to pay is over")
    expect_accessible(page, heading)
    expect(page.get_by_text("no money was taken")).to_be_visible()
    page.get_by_role("link", name="Choose seats again").click()
    expect(page).to_have_url(re.compile(f"/schedules/{schedule.pk}/seats/$"))


def test_an_expired_session_comes_back_to_the_checkout_with_the_seats(page, buyer):
    page.goto("/checkout/")
    page.get_by_label(AGREE).check()
    Client().logout()
    page.context.clear_cookies(name="sessionid")
    pay(page).click()

    page.get_by_label("Email").fill(buyer.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    expect(pay(page)).to_be_visible()
    assert Reservation.objects.filter(status="HOLD").count() == 2
    assert not Payment.objects.exists()


def test_a_language_switch_keeps_the_seats_the_amount_and_the_agreement(page, buyer):
    page.goto("/checkout/")
    page.get_by_label("Amount in won").fill("45000")
    page.get_by_label(AGREE).check()
    page.get_by_role("button", name="한국어").click()

    paying = page.get_by_role("button", name="충전하고 50,000원 결제하기")
    expect(page.get_by_text("밤의 노래")).to_be_visible()
    expect(page.locator("[name=top_up-amount]")).to_have_value("45000")
    expect(page.locator("[name=agreed]")).to_be_checked()
    paying.click()
    expect(page.locator(".messages")).to_be_visible()
    assert balance_of(buyer) == 5_000


def test_on_a_slow_network_a_payment_is_sent_once_and_the_page_stays(page, buyer):
    page.goto("/checkout/")
    page.get_by_label(AGREE).check()
    sent = []
    page.route("**/checkout/", lambda route: sent.append(route))
    page.evaluate(PRESS_AGAIN_WHILE_IT_IS_SENT)
    until(lambda: sent, pause=page.wait_for_timeout)
    # Playwright asks the page nothing while the page waits for an answer.
    page.wait_for_timeout(100)

    sent[0].continue_()
    expect(page.get_by_role("heading", name="Your order")).to_be_visible()
    assert page.evaluate("sessionStorage.second") == "Checkout, disabled"
    assert len(sent) == 1
    assert balance_of(buyer) == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
def test_nothing_is_wider_than_the_window(page, buyer, width):
    page.set_viewport_size({"width": width, "height": 700})
    for address in ("/checkout/", "/checkout/?missing=agreement", "/balance/", "/reservations/"):
        page.goto(address)
        over = page.evaluate("document.documentElement.scrollWidth - window.innerWidth")
        assert over <= 0, address
