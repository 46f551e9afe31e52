"""A real browser: fixtures (see conftest.py) and helpers."""

from contextlib import contextmanager

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.test import Client
from playwright.sync_api import Error as BrowserError
from playwright.sync_api import expect, sync_playwright

from scripts.demo_browser import FLAGS, PHONE, chromium_path, find_browser

# A button that is enabled fades into its colours: axe is to read those.
AFTER_ANIMATIONS = """() => Promise.allSettled(
  document.getAnimations()
    .filter((each) => each.effect.getComputedTiming().endTime !== Infinity)
    .map((each) => each.finished)
)"""


# Started once for all of these tests, and ended before those of other folders: its event loop runs
# in the thread of the tests.
@pytest.fixture(scope="package")
def chromium():
    """Playwright's own Chromium where it is installed, else the system's, without a window if it
    can: that takes a quarter less time.
    """
    with pytest.MonkeyPatch.context() as environ, sync_playwright() as playwright:
        # Playwright's event loop runs in the thread that also queries the database.
        environ.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        try:
            browser = playwright.chromium.launch(args=FLAGS)
        except BrowserError:
            path = find_browser("chromium-headless-shell", "chromium", "google-chrome")
            if path is None:
                pytest.skip("No Chromium: run `playwright install chromium` or install one.")
            browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@contextmanager
def whole_chromium(chromium, *flags, **options):
    """Another browser, with what has no part in drawing pages: notifications, a camera."""
    launch = chromium.browser_type.launch
    browser = launch(executable_path=chromium_path(), args=[*FLAGS, *flags], **options)
    try:
        yield browser
    finally:
        browser.close()


@pytest.fixture
def complaints():
    """The browser's errors: of scripts and of the console."""
    return []


@pytest.fixture
def page(chromium, live_server, complaints):
    """A phone in English; an error of the browser fails the test."""
    context = chromium.new_context(base_url=live_server.url, locale="en", viewport=PHONE)
    page = context.new_page()
    # Chromium reports a transition between pages that it leaves out, on a busy machine, before a
    # script of the page can catch it.
    page.on(
        "pageerror",
        lambda error: "Transition" in str(error) or complaints.append(f"{page.url}: {error}"),
    )
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    yield page
    context.close()
    assert complaints == [], complaints


def expect_accessible(page, shown=None):
    """Checks the page for serious faults with axe.

    `shown` is a locator of what only the expected page has. After a click that
    leads to another page the caller must name it or have waited for it: the click
    returns before the next page is there, and axe fails when that page replaces the
    one it is reading.
    """
    if shown is not None:
        expect(shown).to_be_visible()
    page.wait_for_load_state()
    page.evaluate(AFTER_ANIMATIONS)
    found = Axe().run(page).response["violations"]
    grave = [each for each in found if each["impact"] in {"serious", "critical"}]
    assert grave == [], f"{page.url}: {[each['id'] for each in grave]}"


def log_in(page, live_server, user):
    client = Client()
    client.force_login(user)
    session = client.cookies["sessionid"].value
    cookies = {"sessionid": session, "visitor": "1"}
    page.context.add_cookies(
        [{"name": name, "value": value, "url": live_server.url} for name, value in cookies.items()]
    )
