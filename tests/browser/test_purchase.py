"""The whole purchase by two people who want the same seat, with a reload and Back on the way."""

import re

import pytest
from playwright.sync_api import expect

from payments.models import Ticket
from tests.browser.chromium import log_in
from tests.browser.states import room_of
from tests.concurrency.threads import until
from tests.factories import ScheduleFactory, UserFactory

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

WANTED = 4


@pytest.fixture
def visit(chromium, live_server, complaints):
    """``visit(user, width, language)``: the page of a browser in which the user is logged in."""
    contexts = []

    def opened(user, width, language):
        context = chromium.new_context(
            base_url=live_server.url,
            locale=language,
            viewport={"width": width, "height": 844},
            # Chromium calls a transition that it leaves out on a reload an error.
            reduced_motion="reduce",
        )
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
        page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
        log_in(page, live_server, user)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [each for each in complaints if not is_a_refused_hold(each)] == []


def is_a_refused_hold(complaint):
    """The browser's own line for an answer of 409."""
    return "409" in complaint


@pytest.mark.parametrize(("width", "language"), [(390, "ko-KR"), (1280, "en-GB")])
def test_two_people_want_one_seat_and_each_of_them_buys_a_ticket(visit, width, language):
    schedule = ScheduleFactory(seats=8, price=10_000)
    users = UserFactory.create_batch(2, won=10_000)
    faster, slower = (visit(user, width, language) for user in users)
    for page in (faster, slower):
        page.goto(f"/concerts/{schedule.concert_id}/")
        page.locator(f"main form[action*='{room_of(schedule)}'] button:visible").first.click()
        expect(page).to_have_url(re.compile("/seats/$"))
        page.locator(f"#map [value='{WANTED}']").check(force=True)
        expect(page.locator("#chosen li")).to_have_count(1)
        page.reload()
        expect(page.locator("#chosen li")).to_have_count(1)
    polls = []
    slower.route("**/seat-state/**", lambda route: polls.append(route))
    until(lambda: polls, pause=slower.wait_for_timeout)

    faster.locator("#hold").click()
    expect(faster).to_have_url(re.compile("/checkout/$"))
    faster.go_back()
    expect(faster.locator(f"#map [value='{WANTED}']")).to_be_disabled()
    faster.go_forward()
    slower.locator("#hold").click()
    slower.locator("#lost-offer button").click()
    for page in (faster, slower):
        expect(page).to_have_url(re.compile("/checkout/$"))
        page.reload()
        page.locator("[name=agreed]").check()
        page.locator("#pay > button").click()
        expect(page).to_have_url(re.compile("/orders/"))
        page.reload()
        expect(page.locator("main a[href^='/tickets/']").first).to_be_visible()

    bought = [Ticket.objects.get(user=user).seat.number for user in users]
    assert bought[0] == WANTED
    assert abs(bought[1] - WANTED) == 1
