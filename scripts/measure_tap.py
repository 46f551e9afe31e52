"""``make tap``: the time from a tap to the drawn choice on the map of 20,000 seats.

A phone's Chromium with its processor throttled four-fold opens the seat page of the running demo,
and taps free seats: each is chosen and let go. A time is Chromium's own, of its trace: from the
finger that leaves the screen to the frame on the screen that shows the choice. Writes a section of
docs/pages.md; fails if a tap took longer than the goal.
"""

import datetime as dt
import json
import os
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import django
from playwright.sync_api import Browser, FloatRect, Page

if TYPE_CHECKING:
    from concerts.models import ConcertSchedule

HALL = 20_000
SEATS = 20
GOAL = 50
SLOWER = 4
# Device pixels per CSS pixel, as most phones have.
DENSITY = 3
# Points of the map, in CSS pixels, that are further apart than its seats.
STEP = 27
# Milliseconds: longer than a drawn choice takes, and than the glide into a section.
SETTLED = 600
Point = tuple[float, float]


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    django.setup()
    from scripts.demo_browser import PHONE, chromium, log_in, write_section
    from scripts.demo_sales import schedules_on_sale

    # Before the browser, whose event loop forbids queries.
    schedule = schedules_on_sale()[HALL]
    url = f"http://127.0.0.1:{os.environ['PORT']}"
    with chromium() as browser:
        phone = browser.new_context(
            base_url=url,
            locale="ko-KR",
            viewport=PHONE,
            device_scale_factor=DENSITY,
            has_touch=True,
            is_mobile=True,
        )
        page = phone.new_page()
        log_in(page)
        open_map(page, schedule)
        points = free_seats(page)
        times = sorted(measure(browser, page, points))
    text = report(times)
    print(text)
    write_section("tap", text)
    return 0 if times[-1] < GOAL else 1


def open_map(page: Page, schedule: "ConcertSchedule") -> None:
    page.goto(f"/ko/concerts/{schedule.concert_id}/")
    page.locator(f"form[action*='{schedule.pk}'] button").first.click()
    page.wait_for_url("**/seats/")
    enter_section(page)


def enter_section(page: Page) -> None:
    """By a tap into the middle of the whole hall: seats can be touched then."""
    page.locator("#map:not(.skeleton)").wait_for()
    page.wait_for_timeout(SETTLED)
    box = map_box(page)
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_timeout(2 * SETTLED)


def free_seats(page: Page) -> list[Point]:
    """Where free seats are drawn; none is chosen afterwards. Raises SystemExit for too few."""
    found = []
    for x, y in points_of(page):
        page.touchscreen.tap(x, y)
        page.wait_for_timeout(SETTLED / 4)
        if count_chosen(page) > 0:
            found.append((x, y))
            page.touchscreen.tap(x, y)
            page.wait_for_timeout(SETTLED / 4)
        if len(found) == SEATS:
            return found
    raise SystemExit("The middle of the hall has too few free seats: start the demo with new data.")


def points_of(page: Page) -> Iterator[Point]:
    box = map_box(page)
    for down in range(120, int(box["height"]) - 120, STEP):
        for along in range(60, int(box["width"]) - 60, STEP):
            yield box["x"] + along, box["y"] + down


def map_box(page: Page) -> FloatRect:
    box = page.locator("#hall").bounding_box()
    assert box
    return box


def count_chosen(page: Page) -> int:
    return page.locator("#chosen li").count()


def measure(browser: Browser, page: Page, points: list[Point]) -> list[float]:
    """Of each tap, in milliseconds. The page is new, so that the first tap is the first."""
    page.reload()
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    enter_section(page)
    with TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        browser.start_tracing(page=page, path=trace, categories=["devtools.timeline"])
        for x, y in points:
            for chosen in (1, 0):
                page.touchscreen.tap(x, y)
                page.wait_for_timeout(SETTLED)
                assert count_chosen(page) == chosen, (x, y)
        browser.stop_tracing()
        events = json.loads(trace.read_text())["traceEvents"]
    timings = [each["args"]["data"] for each in events if is_timing(each)]
    return [each["duration"] for each in timings if each["type"] == "pointerup"]


def is_timing(event: dict[str, object]) -> bool:
    """The begin of an event's handling, which has the whole duration."""
    return event["name"] == "EventTiming" and event["ph"] == "b"


def report(times: list[float]) -> str:
    today = f"{dt.datetime.now(tz=dt.UTC):%d %B %Y}"
    within = sum(each < GOAL for each in times)
    return (
        f"`make tap`, {today}: {HALL:,} seats on a phone of {DENSITY} device pixels per CSS\n"
        f"pixel, its processor throttled {SLOWER}-fold. From the tap to the drawn choice:\n\n"
        f"| fastest | median | 95th percentile | slowest | under {GOAL} ms |\n"
        "|---|---|---|---|---|\n"
        f"| {times[0]:.0f} ms | {statistics.median(times):.0f} ms"
        f" | {times[int(0.95 * len(times)) - 1]:.0f} ms | {times[-1]:.0f} ms"
        f" | {within} of {len(times)} |"
    )


if __name__ == "__main__":
    sys.exit(main())
