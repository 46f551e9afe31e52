"""An operator chooses seats on the map of a date, on a phone, and takes them out of the sale."""

import pytest
from playwright.sync_api import expect

from concerts.models import Seat
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, UserFactory, fill, held, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_seats_are_drawn_around_and_blocked(page, live_server):
    schedule = ScheduleFactory(seats=0)
    fill(schedule, sections=2, rows=1, seats_per_row=8)
    held(UserFactory(), schedule, 2)
    log_in(page, live_server, staff("Programme"))
    page.goto(f"/admin/seats/{schedule.pk}/")
    chosen = page.locator("#count")
    expect_accessible(page, chosen)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_label("Add a row").select_option("1층 2구역 A")
    expect(chosen).to_contain_text("Chosen: 8")
    page.get_by_role("button", name="Choose none").click()
    expect(chosen).to_contain_text("No seat is chosen.")
    # The first section, which is above the second one, by drawing around it.
    page.evaluate("scrollTo(0, 0)")
    hall = page.locator(".seats-map").bounding_box()
    left, right = hall["x"] + 2, hall["x"] + hall["width"] - 2
    top, bottom = hall["y"] + 2, hall["y"] + hall["height"] * 0.55
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in [(right, top), (right, bottom), (left, bottom)]:
        page.mouse.move(x, y, steps=3)
    page.mouse.up()
    expect(chosen).to_contain_text("Chosen: 8")
    page.get_by_label("Seats by name").fill("1층 2구역 A-1 ~ 1층 2구역 A-2")
    page.get_by_role("button", name="Block", exact=True).click()

    consequence = page.locator("#consequence")
    expect_accessible(page, consequence)
    expect(consequence).to_contain_text("9 seats: 1층 1구역 A-1, 1층 1구역 A-3")
    expect(consequence).to_contain_text("1 seat stays as it is (held by a buyer): 1층 1구역 A-2")
    page.get_by_label("Held back for").fill("Promoter")
    page.get_by_label("Why").fill("Contract")
    page.get_by_role("button", name="Block", exact=True).click()

    expect(page.get_by_text("Promoter (9)")).to_be_visible()
    assert Seat.objects.filter(blocked_for="Promoter").count() == 9
