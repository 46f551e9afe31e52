"""Every state of every page: accessible, within its budget, fitting the screen, and as a picture.

``--screenshots=DIR`` writes a picture of each state in four looks; ``make screenshots`` does.
"""

import base64
import gzip
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from django.urls import resolve

from tests.browser.states import PAGES, STATES, Visitor

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

KILOBYTE = 1000
WEIGHT = 60 * KILOBYTE
WEIGHT_WITH_A_MAP = 90 * KILOBYTE
MOST_REQUESTS = 8
# For developers: it has the styles of all pages.
WITHOUT_BUDGET = {"styleguide"}
# Takes ten seconds to make; test_large_hall.py has its checks.
PICTURES_ONLY = {"seats_of_twenty_thousand"}
PICTURE_QUALITY = 55


@dataclass(frozen=True)
class Look:
    width: int
    height: int
    language: str
    theme: str

    def __str__(self) -> str:
        return f"{'phone' if self.width < 768 else 'desktop'}-{self.language}-{self.theme}"


PHONE_KO_LIGHT = Look(390, 844, "ko", "light")
PHONE_EN_DARK = Look(390, 844, "en", "dark")
DESKTOP_KO_DARK = Look(1280, 900, "ko", "dark")
DESKTOP_EN_LIGHT = Look(1280, 900, "en", "light")
# By the look in which a state is entered, the one that it is turned to afterwards.
LOOKS = {PHONE_KO_LIGHT: DESKTOP_KO_DARK}
LOOKS_OF_PICTURES = {**LOOKS, PHONE_EN_DARK: DESKTOP_EN_LIGHT}
# What another width or theme of the same page can break; the other rules read its structure.
RULES_OF_A_LOOK = [
    "color-contrast",
    "link-in-text-block",
    "scrollable-region-focusable",
    "target-size",
]


def pytest_generate_tests(metafunc):
    if "look" in metafunc.fixturenames:
        asked = metafunc.config.getoption("--screenshots")
        metafunc.parametrize("look", LOOKS_OF_PICTURES if asked else LOOKS, ids=str)


@pytest.fixture
def page(chromium, live_server, complaints, look):
    context = chromium.new_context(
        base_url=live_server.url,
        locale={"ko": "ko-KR", "en": "en-GB"}[look.language],
        timezone_id="Asia/Seoul",
        viewport={"width": look.width, "height": look.height},
        color_scheme=look.theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.on("pageerror", lambda error: complaints.append(f"{page.url}: {error}"))
    page.on("console", lambda line: line.type == "error" and complaints.append(line.text))
    yield page
    context.close()
    assert [each for each in complaints if not is_a_refused_page(each)] == []


def is_a_refused_page(complaint):
    """The browser's own line for a page that is answered with a status of 400 or more."""
    return complaint.startswith("Failed to load resource: the server responded with a status of")


FIRST_OF_ITS_PAGE = {page: name for name, page in reversed(PAGES.items())}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if FIRST_OF_ITS_PAGE[page] == name else pytest.mark.long)
        for name, page in PAGES.items()
    ],
)
def test_a_page_is_accessible_light_and_fits_the_screen(
    page, live_server, settings, look, name, request
):
    if name in PICTURES_ONLY and not request.config.getoption("--screenshots"):
        pytest.skip("only a picture")
    answers = []
    page.on("response", lambda answer: answers.append(answer))

    STATES[name](Visitor(page, live_server, settings))

    if PAGES[name]:
        assert resolve(urlsplit(page.url).path).url_name == PAGES[name]

    if name not in WITHOUT_BUDGET:
        expect_within_budget(page, of_the_last_page(answers))
    folder = request.config.getoption("--screenshots")
    turned = LOOKS_OF_PICTURES[look]
    for shown, rules in {look: None, turned: None if folder else RULES_OF_A_LOOK}.items():
        turn_to(page, shown)
        picture(page, folder, f"{name}-{shown}")
        assert axe_violations(page, rules) == [], shown
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, shown


def expect_within_budget(page, answers):
    # The seat map asks for its state again and again.
    addresses = {each.url.split("?")[0] for each in answers}
    assert len(addresses) <= MOST_REQUESTS, addresses
    budget = WEIGHT_WITH_A_MAP if "/seats/" in page.url else WEIGHT
    assert sum(map(compressed_size, answers)) <= budget


def turn_to(page, look):
    page.set_viewport_size({"width": look.width, "height": look.height})
    page.emulate_media(color_scheme=look.theme)
    # A script draws for the new size and theme in the next frame.
    page.evaluate("() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 50)))")


def axe_violations(page, rules=None):
    """With ``rules``, by these alone."""
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found = Axe().run(page, options=options).response["violations"]
    return [f"{each['id']}: {[node['html'] for node in each['nodes']][:3]}" for each in found]


def of_the_last_page(answers):
    """The answers since the last navigation, which was one of the page itself."""
    navigations = [n for n, each in enumerate(answers) if each.request.is_navigation_request()]
    return answers[navigations[-1] :]


def compressed_size(answer):
    """About what it weighs behind the edge, which compresses: the live server does not."""
    body = answer.body()
    is_picture = answer.headers.get("content-type", "").startswith("image/")
    return len(body) if is_picture else len(gzip.compress(body))


def picture(page, folder, name):
    """WebP, which Playwright itself cannot write."""
    if not folder:
        return
    session = page.context.new_cdp_session(page)
    size = session.send("Page.getLayoutMetrics")["cssContentSize"]
    clip = {"x": 0, "y": 0, "scale": 1, "width": size["width"], "height": min(size["height"], 1800)}
    taken = session.send(
        "Page.captureScreenshot",
        {
            "format": "webp",
            "quality": PICTURE_QUALITY,
            "clip": clip,
            "captureBeyondViewport": True,
        },
    )
    Path(folder).mkdir(parents=True, exist_ok=True)
    (Path(folder) / f"{name}.webp").write_bytes(base64.b64decode(taken["data"]))
