"""A member of the role Programme puts a hall of 2,000 seats on sale, from nothing."""

import datetime as dt

import pytest
from django.utils import timezone
from django.utils.timezone import localtime
from playwright.sync_api import expect

from concerts.models import Concert, Seat
from queueing.services.admission import admit_waiting
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


class Counted:
    """Counts what the person does: each click, and each field that is filled."""

    def __init__(self, page):
        self.page = page
        self.actions = 0

    def click(self, role, name):
        self.actions += 1
        self.page.get_by_role(role, name=name, exact=True).click()

    def fill(self, value, label=None, *, id=None):
        self.actions += 1
        field = self.page.locator(f"#{id}") if id else self.page.get_by_label(label, exact=True)
        field.fill(str(value))


def moment(**delta):
    return f"{localtime(timezone.now() + dt.timedelta(**delta)):%Y-%m-%dT%H:%M}"


def test_a_sale_of_2000_seats_is_opened_in_at_most_18_actions(page, live_server):
    log_in(page, live_server, staff("Programme"))
    page.goto("/admin/shows/")
    person = Counted(page)

    person.click("link", "New show")
    expect_accessible(page, page.get_by_label("Title", exact=True))
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    person.fill("밤의 노래", "Title")
    person.fill("Songs of the Night", "English title")
    person.fill(moment(days=30), "First date")
    person.fill(moment(minutes=-1), "Sale opens")
    for number, (rows, grade, price) in enumerate([(15, "VIP", 150_000), (25, "R", 110_000)]):
        person.fill(rows, id=f"id_blocks-{number}-rows")
        person.fill(50, id=f"id_blocks-{number}-seats_per_row")
        person.fill(grade, id=f"id_blocks-{number}-grade")
        person.fill(price, id=f"id_blocks-{number}-price")
    person.click("button", "Save the draft")

    expect_accessible(page, page.get_by_role("heading", name="Check list"))
    expect(page.get_by_role("heading", name="Check list")).to_contain_text("Ready")
    assert not Concert.objects.published().exists()
    person.click("link", "Publish")
    expect_accessible(page, page.locator("#consequence"))
    person.click("button", "Publish")
    expect(page.locator(".console-label").first).to_have_text("Public")
    assert person.actions <= 18

    admit_waiting()
    show = Concert.objects.get()
    assert Seat.objects.filter(schedule__concert=show).count() == 2_000
    page.goto(f"/en/concerts/{show.pk}/")
    expect(page.get_by_role("button", name="Join the line")).to_be_visible()
    expect(page.locator("table.prices").first).to_contain_text("750 / 750")
