"""The sale in a real browser: scripts run, the policy holds, and nobody is shut out."""

import re
import shutil

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.test import Client
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import expect, sync_playwright

from payments.models import Ticket
from queueing.models import WaitingRoom
from queueing.services import admission
from tests.factories import PASSWORD, ScheduleFactory, UserFactory, admitted, held

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# As root in a container, and where /dev/shm is small and no graphics card is at hand.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]


@pytest.fixture(scope="module")
def chromium():
    """Playwright's own Chromium where it is installed, else the system's."""
    with pytest.MonkeyPatch.context() as environ, sync_playwright() as playwright:
        # Playwright's own event loop runs in the thread that also asks the database.
        environ.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        try:
            browser = playwright.chromium.launch(args=FLAGS)
        except BrowserError:
            path = shutil.which("chromium") or shutil.which("google-chrome")
            if path is None:
                pytest.skip("No Chromium: run `playwright install chromium` or install one.")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def complaints():
    """What the browser has to complain about: errors of scripts and of the console."""
    return []


@pytest.fixture
def page(chromium, live_server, complaints):
    """An English-speaking phone; any complaint of the browser fails the test."""
    phone = {"width": 390, "height": 844}
    context = chromium.new_context(base_url=live_server.url, locale="en", viewport=phone)
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    yield page
    context.close()
    assert complaints == []


def expect_accessible(page):
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    assert grave == [], f"{page.url}: {[each['id'] for each in grave]}"


def log_in(page, live_server, user):
    client = Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    page.context.add_cookies([{"name": "sessionid", "value": session, "url": live_server.url}])


def test_a_newcomer_buys_two_seats_and_sees_the_code_for_the_door(page):
    ScheduleFactory(seats=8, price=50_000, concert__title="Browser night")

    page.goto("/accounts/signup/")
    expect_accessible(page)
    page.get_by_label("Email").fill("new@example.com")
    page.get_by_label("Name").fill("새 팬")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button", name="Sign up").click()

    page.get_by_role("link", name="Balance").click()
    expect_accessible(page)
    page.get_by_role("button", name="+₩100,000").click()
    page.get_by_role("button", name="Charge the balance").click()
    expect(page.get_by_role("status")).to_have_text("Your balance has been charged.")
    expect(page.get_by_role("banner")).to_contain_text("₩100,000")

    page.get_by_role("link", name="Concerts").click()
    expect_accessible(page)
    page.get_by_role("link", name="Browser night").click()
    expect_accessible(page)
    page.get_by_role("button", name="Join the line").click()

    expect(page.get_by_role("heading", name="Browser night")).to_be_visible()
    expect_accessible(page)
    page.get_by_label("A-2").check(force=True)
    page.get_by_label("A-3").check(force=True)
    expect(page.locator("#total")).to_have_text("₩100,000")
    page.get_by_role("button", name="Hold these seats").click()

    expect(page.locator(".countdown")).to_have_text(re.compile(r"^4:\d\d$"))
    expect_accessible(page)
    page.get_by_role("button", name="Pay ₩100,000").click()

    expect(page.get_by_role("status")).to_have_text("Paid. Here are your tickets.")
    expect_accessible(page)
    page.get_by_role("link", name="A-2").click()
    qr = page.get_by_role("img", name="QR code for the door")
    expect(qr).to_be_visible()
    expect(qr).to_have_js_property("complete", True)
    assert qr.evaluate("picture => picture.naturalWidth") > 0
    expect_accessible(page)

    page.get_by_role("link", name="Cancel this ticket").click()
    expect_accessible(page)
    page.get_by_role("button", name="Yes, cancel it").click()
    expect(page.get_by_text("Cancelled", exact=True)).to_be_visible()
    assert Ticket.objects.filter(status=Ticket.Status.CANCELLED).count() == 1


def test_the_waiting_room_lets_the_browser_in_by_itself(page, live_server):
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    admitted(UserFactory(), schedule)
    log_in(page, live_server, UserFactory())

    page.goto(f"/concerts/{schedule.concert_id}/")
    page.get_by_role("button", name="Join the line").click()
    expect(page.get_by_role("heading", name="You are in line")).to_be_visible()
    expect_accessible(page)

    WaitingRoom.objects.update(capacity=2)
    admission.admit_waiting()
    expect(page.get_by_role("heading", name="It is your turn")).to_be_visible(timeout=15_000)
    expect(page).to_have_title("● It is your turn · concertbook")
    page.wait_for_url(f"**/schedules/{schedule.pk}/seats/")


def test_a_chosen_seat_that_somebody_else_takes_is_let_go_and_the_others_stay(page, live_server):
    schedule = open_seat_map(page, live_server)

    page.get_by_label("A-1").check(force=True)
    page.get_by_label("A-2").check(force=True)
    held(UserFactory(), schedule, 2)

    expect(page.get_by_label("A-2, being paid for")).to_be_disabled(timeout=15_000)
    expect(page.locator("#notice")).to_contain_text("A-2")
    expect(page.get_by_label("A-1")).to_be_checked()
    expect(page.locator("#total")).to_have_text("₩10,000")


@pytest.mark.parametrize("scripts", [True, False], ids=["with scripts", "without scripts"])
def test_one_button_takes_the_nearest_seats_when_the_chosen_one_is_gone(
    chromium, live_server, complaints, scripts
):
    schedule, user, rival = ScheduleFactory(seats=5), UserFactory(), UserFactory()
    admitted(user, schedule)
    context = chromium.new_context(
        base_url=live_server.url,
        locale="en",
        viewport={"width": 390, "height": 844},
        java_script_enabled=scripts,
    )
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    # The map must not find out before the button is pressed.
    page.route("**/seats/changes/**", lambda route: route.abort())
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")
    page.get_by_label("A-1", exact=True).check(force=True)
    held(rival, schedule, 1)
    page.get_by_role("button", name="Hold these seats").click()

    offer = page.get_by_role("region", name="Somebody else was first")
    expect(offer).to_contain_text("Somebody else was first: A-1")
    expect(offer).to_contain_text("A-2")
    if scripts:
        expect_accessible(page)
    held(rival, schedule, 2)
    offer.get_by_role("button", name="Hold this seat").click()
    expect(offer).to_contain_text("Somebody else was first: A-2")
    offer.get_by_role("button", name="Hold this seat").click()

    expect(page).to_have_url(re.compile("/checkout/$"))
    expect(page.get_by_role("listitem")).to_contain_text("A-3")
    context.close()
    assert complaints == []


def test_no_more_seats_can_be_chosen_than_one_person_may_buy(page, live_server):
    open_seat_map(page, live_server)

    page.get_by_label("A-1").check(force=True)
    page.get_by_label("A-2").check(force=True)
    page.get_by_label("A-3").click(force=True)

    expect(page.get_by_label("A-3")).not_to_be_checked()
    expect(page.locator("#total")).to_have_text("₩20,000")


def open_seat_map(page, live_server):
    schedule = ScheduleFactory(seats=5, purchase_limit=2)
    user = UserFactory()
    admitted(user, schedule)
    log_in(page, live_server, user)
    page.goto(f"/schedules/{schedule.pk}/seats/")
    return schedule
