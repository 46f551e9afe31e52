"""The bar of a running purchase in a real browser: it stays in view, and says what has ended."""

import pytest
from playwright.sync_api import expect

from payments.services.releases import release_expired_holds
from queueing.models import QueueToken
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, UserFactory, held, overdue

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# A clock that goes on while the machine sleeps.
SLEEP_FOR_AN_HOUR = "(() => { const now = Date.now; Date.now = () => now() + 3_600_000; })()"


@pytest.fixture
def schedule():
    return ScheduleFactory()


@pytest.fixture
def holds(page, live_server, schedule):
    """Holds of a buyer who has seen the checkout."""
    buyer = UserFactory(won=100_000)
    holds = held(buyer, schedule, 1, 2)
    log_in(page, live_server, buyer)
    page.goto("/checkout/")
    return holds


def bar(page):
    return page.get_by_role("complementary", name="Your purchase")


@pytest.mark.parametrize("address", ["/balance/", "/"])
def test_the_way_back_to_pay_is_on_every_page(page, holds, address):
    page.goto(address)

    expect(bar(page).locator("[aria-current=step]")).to_contain_text("Payment")
    expect_accessible(page)
    page.evaluate("scrollTo(0, document.body.scrollHeight)")
    expect(bar(page)).to_be_in_viewport()
    bar(page).get_by_role("link", name="Pay").click()
    page.wait_for_url("**/checkout/")


def test_a_hold_that_ends_is_told_in_words_with_the_way_back_to_its_seats(page, holds, schedule):
    page.goto("/balance/")
    overdue(*holds)
    release_expired_holds()
    QueueToken.objects.all().delete()

    page.evaluate(SLEEP_FOR_AN_HOUR)

    expect(bar(page).locator("time")).to_have_text("Time is over")
    expect(bar(page)).to_contain_text("The time to pay is over.")
    expect(bar(page)).to_contain_text("No money was taken.")
    again = bar(page).get_by_role("link", name="Choose seats again")
    expect(again).to_have_attribute("href", f"/schedules/{schedule.pk}/seats/")
    expect_accessible(page)
