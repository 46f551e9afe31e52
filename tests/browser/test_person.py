"""A complaint, traced and settled by a member of the Support role on one page."""

import pytest
from playwright.sync_api import expect

from accounts.gateway import GatewayAnswer
from accounts.models import Activity, Charge
from accounts.services.charges import settle_charge
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, held, overdue, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def test_support_traces_and_settles_a_complaint_in_six_actions(page, live_server):
    """'I paid twice for one evening, and have one ticket that I cannot use.'"""
    buyer = UserFactory(email="minji@example.com", name="김민지", won=10_000)
    bought(buyer, ScheduleFactory(concert__title="밤의 노래"), 3)
    (lost,) = held(buyer, ScheduleFactory(), 1)
    charge = Charge.objects.create(user=buyer, amount=50_000)
    settle_charge(charge_id=charge.pk, answer=GatewayAnswer(approved=True))
    overdue(lost)
    log_in(page, live_server, staff("Support"))
    actions = 0

    page.goto("/admin/")
    search = page.get_by_role("searchbox")
    expect_accessible(page, search)
    search.fill("minji@")
    search.press("Enter")
    actions += 2

    # The answer, without another click.
    verdict = page.locator("[data-rule=in_the_balance]")
    expect_accessible(page, verdict)
    expect(verdict).to_contain_text("the money is in the balance (₩50,000)")
    expect(page.locator("[data-rule=hold_ended]")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("link", name="Refund", exact=False).first.click()
    consequence = page.locator("#consequence")
    expect_accessible(page, consequence)
    expect(consequence).to_contain_text("₩10,000 goes back to the balance, which is then ₩60,000")
    page.get_by_label("Why").fill("Bought twice by mistake")
    page.get_by_role("button", name="Refund").click()
    actions += 3

    expect(page.locator("[data-rule=refunded]")).to_be_visible()
    assert actions <= 6
    assert balance_of(buyer) == 60_000
    assert Activity.objects.get(act="ticket.refund").reason == "Bought twice by mistake"
