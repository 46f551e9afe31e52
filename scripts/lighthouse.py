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

import django

if TYPE_CHECKING:
    from concerts.models import ConcertSchedule

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "var" / "lighthouse"
LIGHTHOUSE = "lighthouse@12"
CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
HALLS = (50, 2_000, 20_000)
FLAGS = "--headless=new --no-sandbox --disable-dev-shm-usage --disable-gpu"


@dataclass(frozen=True)
class Shown:
    """A page's address, and the cookies of its visitor. ``is_private`` pages are kept from search
    engines on purpose, so that their score for these says nothing."""

    name: str
    path: str
    cookies: str = ""

    @property
    def is_private(self) -> bool:
        return bool(self.cookies)


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    django.setup()
    from loadkit import edge
    from scripts.demo_browser import write_section

    install()
    with TemporaryDirectory() as folder, edge.edge(Path(folder), int(os.environ["PORT"])) as ports:
        url = f"http://127.0.0.1:{ports.http}"
        rows = [row(shown, measure(url, shown)) for shown in pages(url)]
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


def pages(url: str) -> Iterator[Shown]:
    """Public pages, then those of a sample buyer, in the order of a purchase."""
    from scripts.demo_browser import PHONE, chromium, log_in

    open_now = schedules_on_sale()
    yield Shown("catalogue", "/ko/")
    yield Shown("concert", f"/ko/concerts/{open_now[HALLS[1]].concert_id}/")
    yield Shown("log in", "/accounts/login/")
    yield Shown("sign up", "/accounts/signup/")
    with chromium() as browser:
        page = browser.new_context(base_url=url, locale="ko-KR", viewport=PHONE).new_page()
        log_in(page)
        cookies = "; ".join(f"{each['name']}={each['value']}" for each in page.context.cookies())
        for hall, schedule in open_now.items():
            page.goto(f"/ko/concerts/{schedule.concert_id}/")
            page.locator(f"form[action*='{schedule.pk}'] button").first.click()
            page.wait_for_url("**/seats/")
            yield Shown(f"seat map, {hall:,} seats", f"/schedules/{schedule.pk}/seats/", cookies)
        for name, path in OWN_PAGES.items():
            yield Shown(name, path, cookies)


OWN_PAGES = {
    "checkout": "/checkout/",
    "tickets": "/tickets/",
    "reservations": "/reservations/",
    "balance": "/balance/",
    "account": "/accounts/",
}


def schedules_on_sale() -> "dict[int, ConcertSchedule]":
    """For each size of hall the schedule on sale whose hall is nearest to it."""
    from concertbook.db.clock import database_now
    from concerts.models import ConcertSchedule
    from concerts.services.offers import Sale, with_sales

    on_sale: Any = with_sales(ConcertSchedule.objects.visible_to(None), database_now())
    found = list(on_sale.filter(sale=Sale.OPEN).select_related("concert"))
    return {hall: min(found, key=lambda each: abs(each.seat_quantity - hall)) for hall in HALLS}


def measure(url: str, shown: Shown) -> dict[str, object]:
    """Lighthouse's report of the page."""
    from scripts.demo_browser import chromium_path

    command = [
        str(FOLDER / "node_modules" / ".bin" / "lighthouse"),
        url + shown.path,
        "--quiet",
        "--output=json",
        f"--only-categories={','.join(CATEGORIES)}",
        f"--chrome-flags={FLAGS}",
    ]
    if shown.cookies:
        command.append(f"--extra-headers={json.dumps({'Cookie': shown.cookies})}")
    environment = {**os.environ, "CHROME_PATH": chromium_path()}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    report: dict[str, object] = json.loads(done.stdout)
    return report


def row(shown: Shown, report: dict[str, object]) -> str:
    categories, audits = report["categories"], report["audits"]
    assert isinstance(categories, dict)
    assert isinstance(audits, dict)
    scores = [
        "–" if name == "seo" and shown.is_private else f"{100 * categories[name]['score']:.0f}"
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
