"""A member of the Finance role reads a report on a phone, and takes it away as a file."""

import datetime as dt

import pytest
from django.db import connection
from playwright.sync_api import expect

from operations.services.exports import write_slice
from payments.models import Payment
from tests.browser.chromium import expect_accessible, log_in
from tests.factories import ScheduleFactory, UserFactory, bought, staff

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sold_on_two_days():
    buyer = UserFactory(won=100_000)
    bought(buyer, ScheduleFactory(concert__title="밤의 노래"), 1, 2, 3)
    first = Payment.objects.order_by("pk").first()
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        Payment.objects.filter(pk=first.pk).update(paid_at=first.paid_at - dt.timedelta(days=2))
        cursor.execute("SET session_replication_role = origin")


def test_finance_reads_a_report_and_takes_it_away(page, live_server):
    sold_on_two_days()
    log_in(page, live_server, staff("Finance"))

    page.goto("/admin/reports/")
    page.get_by_role("link", name="Sales by day").click()
    chart = page.locator(".report-canvas canvas")
    expect_accessible(page, chart)
    expect(page.locator("tfoot")).to_contain_text("₩30,000")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.get_by_role("button", name="Excel").click()
    expect(page.get_by_role("status").first).to_contain_text("being written")
    write_slice()
    page.reload()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename.endswith(".xlsx")
