"""A hall of 20,000 seats in a real browser: few nodes, and the list has one open section."""

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
    return page.locator("summary").filter(has_text=name)


def seat(page, name):
    return page.get_by_role("checkbox", name=f"{name},")


def choose(page, name):
    """As a buyer does: clicks the drawn seat. The checkbox itself is not visible."""
    seat(page, name).locator("xpath=..").click()
    expect(seat(page, name)).to_be_checked()


def test_the_hall_opens_with_few_nodes_and_a_seat_of_two_sections_is_held(hall):
    page = hall
    expect(page.locator("#map")).not_to_have_class(re.compile("skeleton"), timeout=15_000)
    assert count_nodes(page) < MOST_NODES
    expect_accessible(page)
    page.get_by_role("link", name="List").click()
    expect(section(page, "1층 40구역")).to_contain_text("500 left")

    section(page, "1층 2구역").click()
    choose(page, "1층 2구역 row A seat 1")
    expect(page.locator("#total")).to_have_text("₩10,000")
    section(page, "1층 40구역").click()
    choose(page, "1층 40구역 row T seat 25")
    expect(chosen(page)).to_have_text(["R1층 2구역 row A seat 1", "R1층 40구역 row T seat 25"])
    expect(page.locator("#total")).to_have_text("₩20,000")
    assert count_nodes(page) < MOST_NODES
    expect_accessible(page)

    section(page, "1층 2구역").click()
    expect(seat(page, "1층 2구역 row A seat 1")).to_be_checked()
    page.get_by_role("button", name="Hold these seats", exact=True).click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    assert Reservation.objects.filter(status="HOLD").count() == 2


@pytest.mark.long
def test_a_chosen_seat_of_a_closed_section_that_is_lost_is_told(hall, schedule):
    page = hall
    page.get_by_role("link", name="List").click()
    section(page, "1층 1구역").click(timeout=15_000)
    choose(page, "1층 1구역 row A seat 1")
    choose(page, "1층 1구역 row A seat 2")
    section(page, "1층 3구역").click()

    held(UserFactory(), schedule, 2)

    expect(page.locator("#notice")).to_contain_text("1층 1구역 row A seat 2", timeout=15_000)
    expect(chosen(page)).to_have_text(["R1층 1구역 row A seat 1"])
    expect(section(page, "1층 1구역")).to_contain_text("499 left")


@pytest.mark.long
def test_the_choice_survives_a_reload_and_a_new_plan(hall, schedule):
    page = hall
    page.get_by_role("link", name="List").click()
    section(page, "1층 5구역").click(timeout=15_000)
    choose(page, "1층 5구역 row A seat 1")
    page.reload()
    expect(chosen(page)).to_have_text(["R1층 5구역 row A seat 1"], timeout=15_000)
    section(page, "1층 6구역").click()

    edited = schedule.seats.get(label="1층 5구역 A-1")
    dearer = SeatDetails(label=edited.label, section=edited.section, grade="R", price=25_000)
    edit_seat(seat_id=edited.pk, details=dearer)

    expect(page.locator("#total")).to_have_text("₩25,000", timeout=15_000)
    expect(seat(page, "1층 6구역 row A seat 1")).to_be_attached()


@pytest.mark.long
def test_without_scripts_it_is_bought_section_by_section(chromium, live_server, schedule):
    user = UserFactory(won=10_000)
    admitted(user, schedule)
    held(UserFactory(), schedule, 12_501)
    context = chromium.new_context(base_url=live_server.url, locale="en", java_script_enabled=False)
    page = context.new_page()
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")

    for _page in range(2):
        page.get_by_role("link", name="Next").click()
    sections = page.get_by_role("navigation", name="Sections")
    line = sections.get_by_role("listitem").filter(has_text="1층 26구역")
    expect(line).to_contain_text("499 left")
    line.get_by_role("link").click()
    expect(seat(page, "1층 26구역 row A seat 1")).to_have_count(0)
    choose(page, "1층 26구역 row A seat 2")
    held(UserFactory(), schedule, 12_502)
    page.get_by_role("button", name="Hold these seats", exact=True).click()
    offer = page.get_by_role("region", name="Another buyer was first")
    expect(offer).to_contain_text("1층 26구역 A-3")
    choose(page, "1층 26구역 row A seat 4")
    page.get_by_role("button", name="Hold these seats", exact=True).click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    expect(page.get_by_role("main").get_by_role("listitem")).to_contain_text("1층 26구역 A-4")
    page.get_by_label("I have read the refund terms").check()
    page.get_by_role("button", name="Pay ₩10,000").click()
    expect(page.get_by_role("heading", name="Your order")).to_be_visible()
    context.close()


def chosen(page):
    return page.locator("#chosen li")


def count_nodes(page):
    return page.evaluate("document.querySelectorAll('*').length")
