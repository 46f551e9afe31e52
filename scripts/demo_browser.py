"""Chromium, and the running demo in it, for the scripts that report on pages."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright

from scripts.embedded import free_port

ROOT = Path(__file__).resolve().parents[1]
REPORT = ROOT / "docs" / "pages.md"
# For root in a container, with a small /dev/shm and no graphics card.
FLAGS = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
PHONE: ViewportSize = {"width": 390, "height": 844}
BUYER = "minji@concertbook.local", "sample-buyer-1618"


def chromium_path() -> str:
    """The system's Chromium. Raises SystemExit without one."""
    path = find_browser("chromium", "google-chrome")
    if path is None:
        raise SystemExit("No Chromium: install Debian's package chromium, or Google Chrome.")
    return path


def find_browser(*names: str) -> str | None:
    """The program of the first of these names that is installed."""
    return next(filter(None, map(shutil.which, names)), None)


@contextlib.contextmanager
def chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium_path(), args=FLAGS)
        yield browser
        browser.close()


@contextlib.contextmanager
def phone_with_port(url: str) -> Iterator[tuple[Page, int]]:
    """A Korean phone's page, and the port by which other programs use the same browser."""
    port = free_port()
    with sync_playwright() as playwright, TemporaryDirectory() as profile:
        context = playwright.chromium.launch_persistent_context(
            profile,
            executable_path=chromium_path(),
            args=[*FLAGS, f"--remote-debugging-port={port}"],
            base_url=url,
            locale="ko-KR",
            viewport=PHONE,
        )
        yield context.new_page(), port
        context.close()


def log_in(page: Page) -> None:
    """As a sample buyer, by the form."""
    email, password = BUYER
    page.goto("/accounts/login/")
    page.locator("main [name=login]").fill(email)
    page.locator("main [name=password]").fill(password)
    page.locator("main [name=password]").press("Enter")
    page.wait_for_url(lambda url: "/login/" not in url)


def write_section(title: str, text: str) -> None:
    """Replace the text between the section's markers in docs/pages.md. Raises ValueError."""
    report = REPORT.read_text()
    begin, end = f"<!-- {title}: begin -->", f"<!-- {title}: end -->"
    before, _, rest = report.partition(begin)
    _, _, after = rest.partition(end)
    if not rest or not after:
        raise ValueError(f"{REPORT.name} has no section {title}")
    REPORT.write_text(f"{before}{begin}\n\n{text.strip()}\n\n{end}{after}")
