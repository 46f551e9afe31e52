"""Tickets in a browser: swipe, full screen, and without a network, for their owner only."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.chromium import expect_accessible, log_in
from tests.concurrency.threads import until
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, bought

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def tickets(page, live_server):
    """Two tickets of a logged-in buyer."""
    buyer = UserFactory(won=50_000)
    tickets = bought(buyer, ScheduleFactory(concert__title="밤의 노래"), 1, 2).tickets
    log_in(page, live_server, buyer)
    return tickets


@pytest.fixture
def offline(page, complaints):
    """Cut the network; the browser's complaints about that are expected."""

    def cut():
        page.context.set_offline(True)

    yield cut
    page.context.set_offline(False)
    complaints[:] = [each for each in complaints if "ERR_INTERNET_DISCONNECTED" not in each]


def address_of(ticket):
    return f"/tickets/{ticket.pk}/"


def kept(page):
    """The addresses of the pages that the service worker keeps."""
    return page.evaluate(
        """async () => {
            const found = [];
            for (const name of await caches.keys()) {
                for (const request of await (await caches.open(name)).keys()) {
                    found.push(new URL(request.url).pathname);
                }
            }
            return found;
        }"""
    )


def open_and_keep(page, ticket):
    page.goto(address_of(ticket))
    until(lambda: address_of(ticket) in kept(page), pause=page.wait_for_timeout)
    until(lambda: any(each.endswith(".css") for each in kept(page)), pause=page.wait_for_timeout)


def test_a_ticket_that_was_opened_is_shown_without_a_network(page, tickets, offline):
    open_and_keep(page, tickets[0])
    offline()

    page.reload()

    code = page.get_by_role("img", name="QR code for the door: A-1")
    expect(code).to_be_visible()
    expect(page.locator("#kept")).to_contain_text(
        re.compile(r"Shown without a network, as of .*KST")
    )
    # With its style.
    assert page.evaluate("getComputedStyle(document.querySelector('.ticket')).display") == "grid"
    assert code.bounding_box()["width"] > 200


def test_only_tickets_that_were_opened_are_kept_and_no_other_page(page, tickets):
    open_and_keep(page, tickets[0])
    for address in ("/tickets/", "/balance/", "/checkout/", "/accounts/"):
        page.goto(address)

    pages = [each for each in kept(page) if not each.startswith("/static/")]
    assert pages == [address_of(tickets[0])]


def test_after_the_log_out_no_ticket_is_left(page, tickets, offline, complaints):
    open_and_keep(page, tickets[0])
    page.goto("/accounts/logout/")
    page.get_by_role("main").get_by_role("button", name="Log out").click()
    page.wait_for_url(re.compile(r"/(en/)?$"))

    until(lambda: kept(page) == [], pause=page.wait_for_timeout)


def test_another_user_who_logs_in_never_sees_the_ticket(page, live_server, tickets):
    open_and_keep(page, tickets[0])
    # The first session expires without a log-out.
    page.context.clear_cookies(name="sessionid")
    other = UserFactory()
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill(other.email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Log in").click()
    page.wait_for_url(re.compile(r"/(en/)?$"))

    until(lambda: kept(page) == [], pause=page.wait_for_timeout)


def test_a_session_that_was_exchanged_by_other_means_deletes_what_was_kept(
    page, live_server, tickets, complaints
):
    open_and_keep(page, tickets[0])
    log_in(page, live_server, UserFactory())

    page.goto(address_of(tickets[0]))

    expect(page.get_by_role("img", name="QR code for the door: A-1")).to_have_count(0)
    until(lambda: kept(page) == [], pause=page.wait_for_timeout)
    complaints[:] = [each for each in complaints if "404" not in each]


def test_a_ticket_of_the_next_user_replaces_those_of_the_one_before(page, live_server, tickets):
    open_and_keep(page, tickets[0])
    other = UserFactory(won=50_000)
    (own,) = bought(other, ScheduleFactory(), 1).tickets
    log_in(page, live_server, other)

    open_and_keep(page, own)

    assert address_of(tickets[0]) not in kept(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_tickets_of_one_show_are_swiped_and_shown_on_the_full_screen(page, tickets, scheme):
    page.emulate_media(color_scheme=scheme)
    page.goto(address_of(tickets[1]))
    expect_accessible(page, page.get_by_role("img", name="QR code for the door: A-2"))
    strip = page.get_by_role("group", name="Tickets for this show")
    strip.focus()
    page.keyboard.press("ArrowRight")
    until(lambda: strip.evaluate("strip => strip.scrollLeft") > 100, pause=page.wait_for_timeout)

    page.locator(f"#ticket-{tickets[1].pk}").get_by_role("link", name="Full screen").click()
    dialog = page.get_by_role("dialog", name="QR code for the door: A-2")
    expect(dialog).to_be_visible()
    assert dialog.locator("svg").bounding_box()["width"] > 300
    colour = dialog.evaluate("dialog => getComputedStyle(dialog).backgroundColor")
    assert colour == "rgb(255, 255, 255)"
    expect_accessible(page)
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    assert page.evaluate("document.documentElement.scrollWidth - window.innerWidth") <= 0


def test_the_print_sheet_has_the_codes_and_the_facts_alone(page, tickets):
    page.goto(address_of(tickets[0]))
    page.emulate_media(media="print", color_scheme="dark")

    for shown in (".code", ".label", "h1"):
        expect(page.locator(f"main {shown}").first).to_be_visible()
    for hidden in (".top", ".bottom", ".actions", ".links", ".chips"):
        expect(page.locator(hidden).first).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
