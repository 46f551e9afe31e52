"""``make lighthouse``: Lighthouse's scores of each page of the running demo, into docs/pages.md.

The pages are served through the nginx of deploy/, to a throttled phone. npm's lighthouse is
installed into var/lighthouse.
"""

import datetime as dt
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import django

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "var" / "lighthouse"
LIGHTHOUSE = "lighthouse@12"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
# Chromium on a busy machine sometimes paints nothing in time.
ATTEMPTS = 3
Report = dict[str, Any]


@dataclass(frozen=True)
class Shown:
    """A page's address. What ``is_indexed`` not is kept from search engines on purpose, so that its
    score for these says nothing."""

    name: str
    path: str
    is_indexed: bool = False


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    django.setup()
    from loadkit import edge
    from scripts.demo_browser import write_section

    install()
    with TemporaryDirectory() as folder, edge.edge(Path(folder), int(os.environ["PORT"])) as ports:
        url = f"http://127.0.0.1:{ports.http}"
        rows = [row(*measured) for measured in measure_all(url)]
    today = f"{dt.datetime.now(tz=dt.UTC):%d %B %Y}"
    head = (
        f"`make lighthouse`, {today}: Lighthouse 12, its throttled phone, through nginx.\n\n"
        "| page | performance | accessibility | best practices | SEO | first paint | largest |\n"
        "|---|---|---|---|---|---|---|"
    )
    write_section("lighthouse", "\n".join([head, *rows]))
    return 0


def install() -> None:
    if not (FOLDER / "node_modules" / ".bin" / "lighthouse").exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        npm = ["npm", "install", "--no-fund", "--no-audit", "--prefix", str(FOLDER), LIGHTHOUSE]
        subprocess.run(npm, check=True)


def measure_all(url: str) -> Iterator[tuple[Shown, Report]]:
    """Public pages, then those of a sample buyer, who buys a ticket meanwhile.

    Lighthouse uses the browser of the buyer, and leaves its cookies.
    """
    from scripts.demo_browser import log_in, phone_with_port
    from scripts.demo_sales import HALLS, schedules_on_sale
    from scripts.read_aloud import purchase

    # Before the browser, whose event loop forbids queries.
    open_now, opening = schedules_on_sale(), opening_room()
    with phone_with_port(url) as (page, port):
        for shown in PUBLIC_PAGES:
            yield shown, measure(url + shown.path, port)
        log_in(page)
        # First, as it opens ten minutes after the demo was started.
        page.goto(f"/rooms/{opening}/")
        page.locator("main form button").first.click()
        page.wait_for_load_state()
        yield Shown("Waiting room", ""), measure(page.url, port)
        for title in purchase(page, open_now[HALLS[0]]):
            if "chosen" in title:
                # The page before, with a choice that Lighthouse would not see.
                continue
            shown = Shown(f"{title}, {HALLS[0]} seats", urlsplit(page.url).path, title in INDEXED)
            yield shown, measure(page.url, port)
        for hall in HALLS[1:]:
            schedule = open_now[hall]
            page.goto(f"/ko/concerts/{schedule.concert_id}/")
            page.locator(f"form[action*='{schedule.pk}'] button").first.click()
            page.wait_for_url("**/seats/")
            yield Shown(f"Seats, {hall:,} seats", ""), measure(page.url, port)
        pages = {**OWN_PAGES, "Draw": f"/ko/rooms/{opening}/draw/", **pages_of_a_ticket(page)}
        for name, path in pages.items():
            yield Shown(name, path), measure(url + path, port)


def pages_of_a_ticket(page: "Page") -> dict[str, str]:
    """Of the first one that the buyer may still cancel and hand on."""
    page.goto("/tickets/")
    page.locator("main a[href^='/tickets/']").first.click()
    page.wait_for_url("**/tickets/*/")
    ticket = urlsplit(page.url).path
    return {"Cancelling": f"{ticket}cancel/", "Handing on": f"{ticket}offer/"}


PUBLIC_PAGES = [
    Shown("Help", "/ko/about/help/", True),
    Shown("Terms", "/ko/about/terms/", True),
    Shown("Privacy", "/ko/about/privacy/", True),
    Shown("Refunds", "/ko/about/refunds/", True),
    Shown("Business", "/ko/about/business/", True),
    Shown("Log in", "/accounts/login/"),
    Shown("Sign up", "/accounts/signup/"),
    Shown("Forgotten password", "/accounts/password/reset/"),
]
# Steps of the purchase.
INDEXED = ("Catalogue", "Concert")
OWN_PAGES = {
    "Tickets": "/tickets/",
    "Orders": "/reservations/",
    "Balance": "/balance/",
    "Account": "/accounts/",
    "Name": "/accounts/name/",
    "Address": "/accounts/address/",
    "Password": "/accounts/password/change/",
    "Notices": "/accounts/notices/",
    "Devices": "/accounts/devices/",
    "My data": "/accounts/data/",
    "Deletion": "/accounts/delete/",
}


def opening_room() -> str:
    """The slug of a waiting room that is not open yet."""
    from queueing.models import WaitingRoom

    rooms = WaitingRoom.objects.filter(state="SCHEDULED", rehearsal="").order_by("opens_at")
    slug = rooms.values_list("slug", flat=True).first()
    if slug is None:
        raise SystemExit(
            "No waiting room of the demo is still to open: its sample data is older than ten"
            " minutes. Stop the demo, remove its data (make clean, or var/demo), start it again."
        )
    return slug


def measure(address: str, port: int) -> Report:
    """Lighthouse's report of the page, by the browser with this port for debugging."""
    command = [
        str(FOLDER / "node_modules" / ".bin" / "lighthouse"),
        address,
        "--quiet",
        "--output=json",
        f"--port={port}",
        f"--only-categories={','.join(CATEGORIES)}",
    ]
    for _attempt in range(ATTEMPTS):
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        if done.returncode == 0:
            report: Report = json.loads(done.stdout)
            return report
    raise SystemExit(done.stderr)


def row(shown: Shown, report: Report) -> str:
    categories, audits = report["categories"], report["audits"]
    scores = [
        "–" if name == "seo" and not shown.is_indexed else f"{100 * categories[name]['score']:.0f}"
        for name in CATEGORIES
    ]
    paints = [
        f"{audits[name]['numericValue'] / 1000:.1f} s"
        for name in ("first-contentful-paint", "largest-contentful-paint")
    ]
    line = "| " + " | ".join([shown.name, *scores, *paints]) + " |"
    print(line, flush=True)
    for audit in audits.values():
        if audit.get("score") == 0 and audit.get("scoreDisplayMode") == "binary":
            print(f"    {audit['id']}: {audit['title']}", flush=True)
    return line


if __name__ == "__main__":
    sys.exit(main())
