"""A page that was hidden, asleep or left open is up to date when it is shown again."""

import datetime as dt

import pytest
from django.utils import timezone
from playwright.sync_api import expect

from concerts.models import ConcertSchedule
from tests.browser.chromium import log_in, whole_chromium
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, bought

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

SLEEP = """
    Object.defineProperty(document, 'hidden', { get: () => window.away, configurable: true });
    const now = Date.now;
    window.sleepFor = (ms) => {
        window.away = true;
        document.dispatchEvent(new Event('visibilitychange'));
        Date.now = () => now() + ms;
        window.away = false;
        document.dispatchEvent(new Event('visibilitychange'));
    };
"""


def test_back_after_log_out_shows_nothing_of_the_ticket(chromium, live_server):
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(), 1).tickets[0]
    # Automation turns the cache of left pages off, which is what the page is to withstand.
    flag = "--disable-back-forward-cache"
    with whole_chromium(chromium, ignore_default_args=[flag]) as keeping:
        kept = keeping.new_context(base_url=live_server.url, locale="en").new_page()
        kept.goto(f"/accounts/login/?next=/tickets/{ticket.pk}/")
        kept.get_by_label("Email").fill(user.email)
        kept.get_by_label("Password").fill(PASSWORD)
        kept.get_by_role("main").get_by_role("button", name="Log in").click()
        expect(kept.locator("figure.code > svg")).to_be_visible()

        kept.get_by_role("button", name="Log out").click()
        expect(kept.get_by_role("link", name="Log in")).to_be_visible()
        kept.go_back(wait_until="commit")

        kept.wait_for_url("**/accounts/login/**")
        expect(kept.locator("figure.code > svg")).to_have_count(0)


def test_a_page_that_slept_is_asked_for_again(page, live_server):
    page.add_init_script(SLEEP)
    schedule = ScheduleFactory(concert__title="Night")
    page.goto(f"/concerts/{schedule.concert_id}/")
    schedule.concert.title = "Another night"
    schedule.concert.save()

    page.evaluate("sleepFor(5_000)")
    expect(page.get_by_role("heading", name="Night", exact=True)).to_be_visible()
    page.evaluate("sleepFor(60_000)")

    expect(page.get_by_role("heading", name="Another night")).to_be_visible()


def test_a_page_that_slept_past_the_log_out_asks_to_log_in(page, live_server):
    page.add_init_script(SLEEP)
    log_in(page, live_server, UserFactory())
    page.goto("/tickets/")
    page.context.clear_cookies()

    page.evaluate("sleepFor(60_000)")

    page.wait_for_url("**/accounts/login/**")


def test_typed_text_survives_a_sleep(page, live_server):
    page.add_init_script(SLEEP)
    page.goto("/accounts/login/")
    page.get_by_label("Email").fill("a@example.com")

    page.evaluate("sleepFor(60_000)")

    expect(page.get_by_label("Email")).to_have_value("a@example.com")


def test_a_page_left_open_offers_the_line_once_the_sale_has_opened(page, live_server):
    schedule = ScheduleFactory(reserve_from=timezone.now() + dt.timedelta(hours=1))
    soon = timezone.now() + dt.timedelta(seconds=6)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(reserve_from=soon)
    page.goto(f"/concerts/{schedule.concert_id}/")
    expect(page.get_by_text("Not on sale yet").first).to_be_visible()

    expect(page.get_by_role("button", name="Join the line")).to_be_visible(timeout=30_000)
