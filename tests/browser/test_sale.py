"""The sale in a real browser: scripts, the content security policy, accessibility."""

import re

import pytest
from playwright.sync_api import expect

from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from payments.models import Ticket
from tests.browser.chromium import expect_accessible, log_in
from tests.concurrency.threads import until
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, admitted, held

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_a_newcomer_buys_two_seats_and_sees_the_code_for_the_door(page):
    ScheduleFactory(seats=8, price=50_000, concert__title="Browser night")

    page.goto("/accounts/signup/")
    expect_accessible(page)
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_label("Name").fill("새 팬")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_label("agree to the terms").check()
    page.get_by_label("privacy policy").check()
    page.get_by_role("main").get_by_role("button", name="Sign up").click()

    page.wait_for_url(lambda address: "/accounts/" not in address)
    page.goto("/balance/")
    expect_accessible(page, heading(page, "Balance"))
    page.get_by_role("button", name="+₩100,000").click()
    page.get_by_role("button", name="Charge the balance").click()
    expect(page.get_by_role("status")).to_have_text("Your balance has been charged.")
    expect(page.locator(".balance")).to_contain_text("₩100,000")

    page.locator(".brand").click()
    expect_accessible(page, heading(page, "Concerts"))
    page.get_by_role("link", name="Browser night").click()
    expect_accessible(page, heading(page, "Browser night"))
    page.get_by_role("button", name="Join the line").click()

    expect_accessible(page, page.get_by_role("button", name="Hold these seats", exact=True))
    seat(page, "A", 2).check(force=True)
    seat(page, "A", 3).check(force=True)
    expect(page.locator("#total")).to_have_text("₩100,000")
    page.get_by_role("button", name="Hold these seats", exact=True).click()

    expect(page.locator(".countdown")).to_have_text(re.compile(r"^4:\d\d$"))
    expect_accessible(page)
    page.get_by_label("I have read the refund terms").check()
    page.get_by_role("button", name="Pay ₩100,000").click()

    expect(page.locator(".messages")).to_have_text("Paid. Here are your tickets.")
    expect_accessible(page)
    page.get_by_role("link", name="A-2").click()
    qr = page.get_by_role("img", name="QR code for the door: A-2")
    expect(qr).to_be_visible()
    assert qr.bounding_box()["width"] > 200
    expect_accessible(page)

    page.locator(".ticket").first.get_by_role("link", name="Cancel this ticket").click()
    expect_accessible(page, heading(page, "Cancel this ticket?"))
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    assert Ticket.objects.filter(status=Ticket.Status.CANCELLED).count() == 1


def test_a_chosen_seat_that_another_buyer_takes_is_unselected_and_the_others_are_kept(
    page, live_server
):
    schedule = open_seat_map(page, live_server)

    seat(page, "A", 1).check(force=True)
    seat(page, "A", 2).check(force=True)
    held(UserFactory(), schedule, 2)

    expect(being_paid_for(page, "A", 2)).to_be_disabled(timeout=15_000)
    expect(page.locator("#notice")).to_contain_text("row A seat 2")
    expect(seat(page, "A", 1)).to_be_checked()
    expect(page.locator("#total")).to_have_text("₩10,000")


def test_an_operators_changes_are_shown_and_the_chosen_seats_are_kept(page, live_server):
    schedule = open_seat_map(page, live_server)
    chosen, other = seat(page, "A", 1), seat(page, "A", 2)
    chosen.check(force=True)

    dearer = SeatDetails(label="A-1", section="", grade="R", price=25_000)
    edit_seat(seat_id=schedule.seats.get(number=1).pk, details=dearer)
    expect(page.locator("#total")).to_have_text("₩25,000", timeout=15_000)
    chosen = page.get_by_role("checkbox", name="row A seat 1, R ₩25,000")
    expect(chosen).to_be_checked()

    balcony = Block(section="Balcony", rows=1, seats_per_row=2, grade="S", price=5_000)
    generate_seats(schedule_id=schedule.pk, blocks=[balcony])
    page.get_by_label("Balcony row A seat 2,").check(force=True, timeout=15_000)
    expect(page.locator("#total")).to_have_text("₩30,000")
    expect(chosen).to_be_checked()
    expect(other).not_to_be_checked()

    other.focus()
    generate_seats(schedule_id=schedule.pk, blocks=[balcony])
    expect(page.get_by_label("Balcony row B seat 2,")).to_be_attached(timeout=15_000)
    expect(other).to_be_focused()
    expect_accessible(page)


def test_a_chosen_seat_that_is_taken_while_the_hall_is_drawn_anew_is_named(page, live_server):
    schedule = open_seat_map(page, live_server)
    seat(page, "A", 1).check(force=True)
    seat(page, "A", 2).check(force=True)
    drawn_anew = []
    page.route("**/seat-plans/**", lambda route: drawn_anew.append(route))

    dearer = SeatDetails(label="A-1", section="", grade="R", price=25_000)
    edit_seat(seat_id=schedule.seats.get(number=1).pk, details=dearer)
    until(lambda: drawn_anew, pause=page.wait_for_timeout)
    held(UserFactory(), schedule, 2)
    drawn_anew[0].continue_()

    expect(being_paid_for(page, "A", 2)).to_be_disabled(timeout=15_000)
    expect(page.locator("#notice")).to_contain_text("row A seat 2")
    expect(seat(page, "A", 1)).to_be_checked()
    expect(page.locator("#total")).to_have_text("₩25,000")


def test_a_seat_offered_instead_of_a_lost_one_shows_its_new_price(page, live_server):
    schedule = open_seat_map(page, live_server)
    held(UserFactory(), schedule, 1)
    page.goto(f"{page.url}?taken=1")
    offer = page.get_by_role("region", name="Another buyer was first")
    expect(offer).to_contain_text("A-2")
    expect(offer.locator(".sum")).to_have_text("₩10,000")

    dearer = SeatDetails(label="A-2", section="", grade="R", price=25_000)
    edit_seat(seat_id=schedule.seats.get(number=2).pk, details=dearer)

    expect(offer.locator(".sum")).to_have_text("₩25,000", timeout=15_000)


def test_without_scripts_one_button_takes_the_nearest_seats_when_the_chosen_one_is_gone(
    chromium, live_server
):
    schedule, user, rival = ScheduleFactory(seats=5), UserFactory(), UserFactory()
    admitted(user, schedule)
    context = chromium.new_context(
        base_url=live_server.url,
        locale="en",
        viewport={"width": 390, "height": 844},
        java_script_enabled=False,
    )
    page = context.new_page()
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")
    page.get_by_label("row A seat 1,").check(force=True)
    held(rival, schedule, 1)
    page.get_by_role("button", name="Hold these seats", exact=True).click()

    offer = page.get_by_role("region", name="Another buyer was first")
    expect(offer).to_contain_text("Another buyer was first: A-1")
    expect(offer).to_contain_text("A-2")
    held(rival, schedule, 2)
    offer.get_by_role("button", name="Hold this seat").click()
    expect(offer).to_contain_text("Another buyer was first: A-2")
    offer.get_by_role("button", name="Hold this seat").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    expect(page.locator(".held")).to_contain_text("A-3")
    context.close()


def test_no_more_seats_can_be_chosen_than_one_person_may_buy(page, live_server):
    open_seat_map(page, live_server)

    seat(page, "A", 1).check(force=True)
    seat(page, "A", 2).check(force=True)
    seat(page, "A", 3).click(force=True)

    expect(seat(page, "A", 3)).not_to_be_checked()
    expect(page.locator("#total")).to_have_text("₩20,000")


def seat(page, row, number):
    return page.get_by_label(re.compile(f"^row {row} seat {number},"))


def being_paid_for(page, row, number):
    return page.get_by_label(re.compile(f"^row {row} seat {number}, .*being paid for$"))


def heading(page, words):
    return page.get_by_role("heading", name=words, level=1)


def open_seat_map(page, live_server):
    schedule = ScheduleFactory(seats=5, purchase_limit=2)
    user = UserFactory()
    admitted(user, schedule)
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")
    # The script has read the plan.
    page.wait_for_selector("#map [data-seat]", state="attached")
    return schedule
