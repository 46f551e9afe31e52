"""Times for readers in another time zone."""

import datetime as dt

import pytest
from playwright.sync_api import expect

from tests.factories import ScheduleFactory

pytestmark = pytest.mark.django_db(transaction=True)
START = dt.datetime(2030, 12, 24, 10, 0, tzinfo=dt.UTC)


@pytest.fixture
def concert():
    return ScheduleFactory(start_at=START, end_at=START + dt.timedelta(hours=2)).concert


@pytest.mark.parametrize(
    ("locale", "said"), [("en", "(your time: Tue 11:00)"), ("ko", "(현지 시간: (화) 11:00)")]
)
def test_a_reader_in_another_zone_gets_the_own_time_beside_it(
    chromium, live_server, concert, locale, said
):
    context = chromium.new_context(
        base_url=live_server.url, locale=locale, timezone_id="Europe/Berlin"
    )
    page = context.new_page()
    page.goto(f"/concerts/{concert.pk}/")

    shown = page.locator('main time[datetime="2030-12-24T19:00:00+09:00"]').first
    expect(shown).to_contain_text("19:00 KST")
    expect(shown).to_contain_text(said)
    context.close()


def test_a_reader_in_korea_gets_the_time_once(chromium, live_server, concert):
    context = chromium.new_context(base_url=live_server.url, locale="en", timezone_id="Asia/Seoul")
    page = context.new_page()
    page.goto(f"/concerts/{concert.pk}/")

    expect(page.locator("main time").first).to_contain_text("KST")
    expect(page.locator(".own-time")).to_have_count(0)
    context.close()
