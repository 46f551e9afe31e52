"""``make read-aloud``: what a screen reader finds on the pages of a purchase, into docs/pages.md.

Walks through a purchase in the running demo by what the accessibility tree offers alone: roles and
names. A step that has no name for its button stops the script.
"""

import os
import re
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import django
from playwright.sync_api import Page

if TYPE_CHECKING:
    from concerts.models import ConcertSchedule

# The list of seats is long; its first lines tell how the others are read.
MOST_LINES = 60


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    django.setup()
    from scripts.demo_browser import PHONE, chromium, log_in, write_section
    from scripts.demo_sales import HALLS, schedules_on_sale

    # Before the browser, whose event loop forbids queries.
    schedule = schedules_on_sale()[HALLS[0]]
    url = f"http://127.0.0.1:{os.environ['PORT']}"
    with chromium() as browser:
        page = browser.new_context(base_url=url, locale="en-GB", viewport=PHONE).new_page()
        log_in(page)
        steps = [f"### {title}\n\n```yaml\n{read(page)}\n```" for title in purchase(page, schedule)]
    write_section("read aloud", "\n\n".join(steps))
    return 0


def purchase(page: Page, schedule: "ConcertSchedule") -> Iterator[str]:
    """The title of each step, with the page in it."""
    page.goto("/en/")
    yield "Catalogue"
    page.goto(f"/en/concerts/{schedule.concert_id}/")
    yield "Concert"
    page.get_by_role("button", name=re.compile("Join")).first.click()
    page.wait_for_url("**/seats/")
    seats = page.locator("#map").get_by_role("checkbox", disabled=False)
    seats.first.wait_for()
    yield "Seats"
    seats.first.check(force=True)
    yield "Seats, one of them chosen"
    page.get_by_role("button", name=re.compile("^Hold")).click()
    page.wait_for_url("**/checkout/")
    yield "Checkout"
    for agreement in page.get_by_role("checkbox").all():
        agreement.check()
    page.get_by_role("button", name=re.compile("^Pay")).click()
    page.wait_for_url(lambda address: "/checkout/" not in address)
    yield "After the payment"
    page.goto("/tickets/")
    page.locator("main").get_by_role("link").filter(
        has_text=schedule.concert.title_en
    ).first.click()
    page.wait_for_url("**/tickets/*/")
    yield "Ticket"


def read(page: Page) -> str:
    page.wait_for_load_state("networkidle")
    lines = page.locator("body").aria_snapshot().splitlines()
    # Addresses are not read.
    lines = [line for line in lines if "- /url:" not in line]
    more = [f"# and {len(lines) - MOST_LINES} more lines"] if len(lines) > MOST_LINES else []
    return "\n".join(lines[:MOST_LINES] + more)


if __name__ == "__main__":
    sys.exit(main())
