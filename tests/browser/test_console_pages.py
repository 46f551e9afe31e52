"""Every page of the console can be used by all, fits a phone, and Today stays up to date."""

import time

import pytest
from django.core.cache import cache
from django.urls import reverse
from playwright.sync_api import expect

from accounts.models import Activity
from accounts.services import second_factor
from accounts.services.credits import give_credit
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought, held, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


DATE_ACTS = ("add_dates", "move_date")


def every_page():
    """The addresses of the console's pages, with what they show."""
    buyer, schedule = UserFactory(won=50_000, name="김민지"), ScheduleFactory()
    ticket = bought(buyer, schedule, 1).tickets[0]
    (hold,) = held(buyer, schedule, 2)
    credit = give_credit(actor=StaffFactory(), user=buyer, amount=50_000, limit=0, reason="x")
    room = schedule.concert.waiting_room.pk
    concert = schedule.concert.pk
    draft = ScheduleFactory(concert__waiting_room__published_at=None).concert.pk

    def on_person(act, query=""):
        return reverse("console:person_act", args=[buyer.pk, act]) + query

    return [
        reverse("console:today"),
        reverse("console:find") + f"?q={ticket.reservation.pk}",
        reverse("console:person", args=[buyer.pk]),
        on_person("refund", f"?row={ticket.pk}"),
        on_person("release", f"?row={hold.pk}"),
        on_person("give-credit", "?amount="),
        on_person("approve-credit", f"?row={credit.pk}"),
        reverse("console:board"),
        reverse("console:board_room", args=[room]),
        *(reverse("console:board_act", args=[room, act]) for act in ("pace", "close")),
        reverse("console:stop_sale", args=[schedule.pk]),
        reverse("console:passkeys"),
        reverse("console:rehearsal"),
        *(reverse(f"console:{each}") for each in ("shows", "new_show")),
        *(reverse("console:show", args=[each]) for each in (concert, draft)),
        *(reverse(f"console:{act}", args=[draft]) for act in ("publish_show", "take_back")),
        *(reverse(f"console:{act}", args=[concert, schedule.pk]) for act in DATE_ACTS),
        *(reverse(f"console:{each}", args=[schedule.pk]) for each in ("seats", "seat_plan")),
        *(reverse("console:seat", args=[schedule.pk, number]) for number in (1, 3)),
        reverse("console:reports"),
        reverse("console:report", args=["guests"]),
    ]


def test_every_page_of_the_console_is_accessible_in_the_dark_on_a_phone(page, live_server):
    addresses = every_page()
    log_in(page, live_server, staff("Owner"))
    page.emulate_media(color_scheme="dark")
    for address in addresses:
        answer = page.goto(address)
        assert answer.ok, address
        expect_accessible(page)
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= 390, f"{address} is {wide} pixels wide"


def test_today_shows_what_has_come_since_it_was_opened(page, live_server):
    page.clock.install()
    log_in(page, live_server, staff("Support lead"))
    page.goto("/admin/")
    expect(page.get_by_text("nothing needs a hand")).to_be_visible()

    give_credit(actor=StaffFactory(), user=UserFactory(), amount=9_000, limit=0, reason="x")
    cache.clear()
    page.clock.fast_forward(10_000)

    expect(page.get_by_text("A credit of ₩9,000")).to_be_visible()


def test_a_passkey_is_added_and_then_proves_who_moves_money(page, live_server, settings):
    settings.STAFF_SECOND_FACTOR, settings.CONFIRM_SECONDS = True, 600
    member, buyer = staff("Support lead"), UserFactory()
    secret = second_factor.new_secret()
    code = second_factor.code_at(secret, int(time.time()) // second_factor.PERIOD)
    second_factor.set_up(user=member, secret=secret, code=code)
    device = page.context.new_cdp_session(page)
    device.send("WebAuthn.enable")
    has = {"protocol": "ctap2", "transport": "internal", "hasUserVerification": True}
    options = has | {"isUserVerified": True, "automaticPresenceSimulation": True}
    device.send("WebAuthn.addVirtualAuthenticator", {"options": options})
    log_in(page, live_server, member)
    page.goto("/admin/passkeys/")
    page.get_by_role("textbox").fill(second_factor.code_at(secret, later()))
    page.get_by_role("button", name="Continue").click()

    page.locator("[name=name]").fill("Phone")
    page.get_by_role("button", name="Add a passkey").click()
    expect(page.get_by_role("heading", name="Phone")).to_be_visible()

    settings.CONFIRM_SECONDS = -1
    page.goto(reverse("console:person_act", args=[buyer.pk, "give-credit"]))
    ask = page.get_by_role("button", name="Use a passkey")
    expect_accessible(page, ask)
    settings.CONFIRM_SECONDS = 600
    ask.click()
    expect(page.get_by_label("Amount of the credit")).to_be_visible()
    acts = Activity.objects.order_by("pk").values_list("act", flat=True)
    assert list(acts) == ["second_factor.set_up", "passkey.add"]


def later():
    """The period after that of the code that was used."""
    return int(time.time()) // second_factor.PERIOD + 1
