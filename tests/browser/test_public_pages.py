"""Public pages in a real browser: what is personal comes in one request of a script."""

import pytest
from playwright.sync_api import expect

from queueing.services.join_and_leave import join
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def personal(page):
    """Requests for the personal part, by their address."""
    asked = []
    page.on("request", lambda each: "/visitor/" in each.url and asked.append(each.url))
    return asked


def test_a_logged_in_buyer_sees_balance_and_place_and_logs_out(page, live_server, personal):
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    slug = schedule.concert.waiting_room.slug
    user = UserFactory(won=12_345)
    for each in (UserFactory(), user):
        join(user=each, slug=slug)
    log_in(page, live_server, user)

    page.goto(f"/concerts/{schedule.concert_id}/")

    expect(page.get_by_role("banner")).to_contain_text("₩12,345")
    expect(page.get_by_text("You are in line: You are next")).to_be_visible()
    assert len(personal) == 1
    expect_accessible(page)
    page.goto("/accounts/")
    page.get_by_role("main").get_by_role("button", name="Log out").click()
    page.wait_for_url(f"{live_server.url}/")
    expect(page.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()


def test_a_visitor_without_a_session_asks_for_nothing_personal(page, personal):
    page.goto("/")

    expect(page.get_by_role("heading", name="Concerts")).to_be_visible()
    expect(page.get_by_role("banner").get_by_role("link", name="Log in")).to_be_visible()
    page.wait_for_load_state("networkidle")
    assert personal == []


def test_a_browser_takes_the_data_of_a_concert_and_the_manifest_without_a_complaint(page):
    schedule = ScheduleFactory()

    page.goto(f"/concerts/{schedule.concert_id}/")

    data = page.locator('script[type="application/ld+json"]')
    assert page.evaluate("element => JSON.parse(element.text)[0]['@type']", data.element_handle())
    manifest = page.context.new_cdp_session(page).send("Page.getAppManifest")
    assert manifest["url"].endswith("/site.webmanifest")
    assert manifest["errors"] == []


def test_the_language_of_a_public_page_is_kept_on_private_ones_and_back(page):
    page.goto("/")
    page.get_by_role("link", name="한국어").click()
    page.wait_for_url("**/ko/")

    page.get_by_role("banner").get_by_role("link", name="로그인").click()

    expect(page.locator("html")).to_have_attribute("lang", "ko")
    page.locator("a.brand").click()
    page.wait_for_url("**/ko/")


def test_a_message_of_the_page_before_is_shown(page, live_server):
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    slug = schedule.concert.waiting_room.slug
    user = UserFactory()
    for each in (UserFactory(), user):
        join(user=each, slug=slug)
    log_in(page, live_server, user)
    page.goto(f"/rooms/{slug}/")

    page.get_by_role("link", name="Leave the line").click()
    page.get_by_role("dialog").get_by_role("button", name="Leave the line").click()

    expect(page.get_by_text("You have left the line.")).to_be_visible()


def test_a_buyer_joins_from_a_page_without_a_token(page, live_server):
    schedule = ScheduleFactory()
    log_in(page, live_server, UserFactory())
    page.goto(f"/en/concerts/{schedule.concert_id}/")
    assert page.locator("main [name=csrfmiddlewaretoken]").count() == 0

    page.get_by_role("button", name="Join the line").click()

    page.wait_for_url(f"**/schedules/{schedule.pk}/seats/")
