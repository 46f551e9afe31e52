"""A hall of 20,000 seats in a real browser: only the open section is drawn."""

import re

import pytest
from playwright.sync_api import expect

from concerts.services.seat_editing import SeatDetails, edit_seat
from payments.models import Reservation
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, UserFactory, admitted, fill, held

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

MOST_NODES = 3_000


@pytest.fixture
def schedule():
    schedule = ScheduleFactory(seats=0)
    fill(schedule, sections=40, rows=20, seats_per_row=25)
    return schedule


@pytest.fixture
def hall(page, live_server, schedule):
    """The seat page of an admitted buyer."""
    user = UserFactory()
    admitted(user, schedule)
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")
    return page


def section(page, name):
    return page.get_by_role("navigation", name="Sections").get_by_role("link", name=name)


def seat(page, label):
    return page.get_by_label(label, exact=True)


def choose(page, label):
    """As a buyer does: clicks the drawn seat once it does not move any more.

    The checkbox itself is not visible; a forced click on it does not wait for the map to be drawn.
    """
    seat(page, label).locator("xpath=..").click()
    expect(seat(page, label)).to_be_checked()


def test_the_hall_opens_with_few_nodes_and_a_seat_of_two_sections_is_held(hall):
    page = hall
    expect(section(page, "1층 40구역 ")).to_contain_text("500 left", timeout=15_000)
    assert count_nodes(page) < MOST_NODES
    expect_accessible(page)

    section(page, "1층 2구역 ").click()
    choose(page, "1층 2구역 A-1")
    expect(page.locator("#total")).to_have_text("₩10,000")
    section(page, "1층 40구역 ").click()
    choose(page, "1층 40구역 T-25")
    expect(page.locator("#count")).to_have_text("1층 2구역 A-1, 1층 40구역 T-25")
    expect(page.locator("#total")).to_have_text("₩20,000")
    assert count_nodes(page) < MOST_NODES
    expect_accessible(page)

    section(page, "1층 2구역 ").click()
    expect(seat(page, "1층 2구역 A-1")).to_be_checked()
    page.get_by_role("button", name="Hold these seats").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    assert Reservation.objects.filter(status="HOLD").count() == 2


def test_a_chosen_seat_of_a_closed_section_that_is_lost_is_told(hall, schedule):
    page = hall
    section(page, "1층 1구역 ").click(timeout=15_000)
    choose(page, "1층 1구역 A-1")
    choose(page, "1층 1구역 A-2")
    section(page, "1층 3구역 ").click()

    held(UserFactory(), schedule, 2)

    expect(page.locator("#notice")).to_contain_text("1층 1구역 A-2", timeout=15_000)
    expect(page.locator("#count")).to_have_text("1층 1구역 A-1")
    expect(section(page, "1층 1구역 ")).to_contain_text("499 left")


def test_the_choice_survives_a_reload_and_a_new_plan(hall, schedule):
    page = hall
    section(page, "1층 5구역 ").click(timeout=15_000)
    choose(page, "1층 5구역 A-1")
    page.reload()
    expect(seat(page, "1층 5구역 A-1")).to_be_checked(timeout=15_000)
    section(page, "1층 6구역 ").click()

    chosen = schedule.seats.get(label="1층 5구역 A-1")
    dearer = SeatDetails(label=chosen.label, section=chosen.section, grade="R", price=25_000)
    edit_seat(seat_id=chosen.pk, details=dearer)

    expect(page.locator("#total")).to_have_text("₩25,000", timeout=15_000)
    expect(seat(page, "1층 6구역 A-1")).to_be_attached()


def test_without_scripts_it_is_bought_section_by_section(chromium, live_server, schedule):
    user = UserFactory()
    admitted(user, schedule)
    held(UserFactory(), schedule, 12_501)
    context = chromium.new_context(base_url=live_server.url, locale="en", java_script_enabled=False)
    page = context.new_page()
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")

    page.get_by_role("link", name="Next").click()
    expect(section(page, "1층 26구역 ")).to_contain_text("499 left")
    section(page, "1층 26구역 ").click()
    expect(seat(page, "1층 26구역 A-1, being paid for")).to_be_disabled()
    choose(page, "1층 26구역 A-2")
    held(UserFactory(), schedule, 12_502)
    page.get_by_role("button", name="Hold these seats").click()
    offer = page.get_by_role("region", name="Another buyer was first")
    expect(offer).to_contain_text("1층 26구역 A-3")
    choose(page, "1층 26구역 A-4")
    page.get_by_role("button", name="Hold these seats").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    expect(page.get_by_role("listitem")).to_contain_text("1층 26구역 A-4")
    context.close()


def count_nodes(page):
    return page.evaluate("document.querySelectorAll('*').length")
