"""Static files as production has them: collected, with hashed names, compressed."""

import gzip
import re
from pathlib import Path
from urllib.parse import urljoin

import pytest
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core.management import call_command
from django.test import Client

from concertbook.templatetags.layout import forget_rendered
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, admitted, bought, held

pytestmark = pytest.mark.django_db(transaction=True)

YEAR = "max-age=31536000, public, immutable"
# Of packages whose pages this site does not have; they would take half of the time.
UNUSED = ["redoc", "rest_framework"]
# WhiteNoise leaves a file uncompressed that would hardly become smaller.
SMALL = 200


@pytest.fixture
def collect(settings, tmp_path):
    """``collect(folder)``: collect that folder's files only; without, all that pages refer to."""

    def collected(source=None):
        root = tmp_path / "collected"
        settings.STATIC_ROOT = root
        if source:
            settings.STATICFILES_DIRS = [source]
            settings.STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
        call_command("collectstatic", interactive=False, verbosity=0, ignore_patterns=UNUSED)
        forget_rendered()
        return root

    yield collected
    forget_rendered()


REFERENCES = {
    ".css": r"""url\(["']?([^"')#]+)""",
    ".js": r"""(?:from|import)\s*\(?\s*["'](\.{0,2}/[^"']+\.js)["']""",
}
IN_A_PAGE = r"""(?:href|src)=["']([^"'#]+)"""


def referenced(address: str, text: str) -> set[str]:
    """The addresses of static files in a page, a style sheet or a module."""
    found = re.findall(REFERENCES.get(Path(address).suffix, IN_A_PAGE), text)
    addresses = {urljoin(address, each) for each in found if not each.startswith("data:")}
    return {each for each in addresses if each.startswith("/static/")}


def test_every_file_of_every_page_is_kept_for_a_year_and_compressed(collect):
    collect()
    schedule, buyer = ScheduleFactory(), UserFactory(won=10_000)
    admitted(buyer, schedule)
    ticket = bought(buyer, schedule, 1).tickets[0]
    held(buyer, schedule, 2)
    visitor, staff = Client(), Client()
    visitor.force_login(buyer)
    staff.force_login(StaffFactory(is_superuser=True))
    pages = ["/", f"/concerts/{schedule.concert_id}/", f"/schedules/{schedule.pk}/seats/"]
    pages += ["/checkout/", "/tickets/", f"/tickets/{ticket.pk}/", "/balance/", "/api/v1/docs/"]
    pages += [f"/rooms/{schedule.concert.waiting_room.slug}/", "/no/such/page/"]
    administration = ["/admin/", "/admin/concerts/concert/", "/admin/concerts/concert/add/"]
    answers = [(path, visitor.get(path)) for path in pages]
    answers += [(path, staff.get(path)) for path in administration]
    answers.append(("/accounts/login/", Client().get("/accounts/login/")))

    todo, seen = set(), set()
    for path, page in answers:
        todo |= referenced(path, page.content.decode())
    while todo - seen:
        address = (todo - seen).pop()
        seen.add(address)
        plain = visitor.get(address)
        assert (plain.status_code, plain.get("Cache-Control")) == (200, YEAR), address
        content = plain.getvalue()
        if address.endswith((".css", ".js")):
            todo |= referenced(address, content.decode())
            if len(content) > SMALL:
                assert_compressed(visitor, address, len(content))

    assert {"icon", "css/main", "js/seats", "unfold/css/styles"} <= {
        re.sub(r"\.[0-9a-f]{12}\.\w+$", "", address.removeprefix("/static/")) for address in seen
    }


def assert_compressed(client: Client, address: str, length: int) -> None:
    for coding in ("br", "gzip"):
        answer = client.get(address, headers={"Accept-Encoding": f"{coding}, deflate"})
        assert answer["Content-Encoding"] == coding, address
        assert answer["Cache-Control"] == YEAR
        assert "Accept-Encoding" in answer["Vary"]
        assert len(answer.getvalue()) < length


def test_a_reference_between_files_is_hashed_too(collect, tmp_path):
    source = tmp_path / "source"
    (source / "js").mkdir(parents=True)
    (source / "js" / "plan.js").write_text("export const seats = 1;\n")
    (source / "js" / "map.js").write_text(
        'import { seats } from "./plan.js";\nimport("./plan.js").then(() => seats);\n'
    )
    (source / "hall.svg").write_text("<svg/>")
    (source / "map.css").write_text("main { background: url(hall.svg) }")

    root = collect(source)

    assert not (root / "js" / "plan.js").exists(), "only the hashed name is kept"
    plan = Path(staticfiles_storage.stored_name("js/plan.js")).name
    module = (root / staticfiles_storage.stored_name("js/map.js")).read_text()
    assert module.count(f'"./{plan}"') == 2
    assert "./plan.js" not in module
    style = (root / staticfiles_storage.stored_name("map.css")).read_text()
    assert staticfiles_storage.stored_name("hall.svg") in style


def test_another_content_has_another_name(collect, tmp_path):
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.js").write_text("1\n")
    collect(source)
    first = staticfiles_storage.url("a.js")

    (source / "a.js").write_text("2\n")
    collect(source)

    assert staticfiles_storage.url("a.js") != first


def test_pages_are_shown_before_anything_is_collected(settings, tmp_path):
    (tmp_path / "nothing").mkdir()
    settings.STATIC_ROOT = tmp_path / "nothing"

    assert "/static/css/main.css" in Client().get("/accounts/login/").content.decode()
    assert staticfiles_storage.url("no/such.js") == "/static/no/such.js"


# gzipped, in bytes.
MOST_OF_THE_SEAT_MAP = 12_000


def test_the_scripts_of_the_seat_map_are_small_and_without_comments(collect, settings):
    root = collect(settings.BASE_DIR / "static")

    scripts = {
        path.name.split(".")[0]: path for path in (root / "js").glob("seat*.????????????.js")
    }

    assert set(scripts) == {"seats"}
    texts = [path.read_bytes() for path in scripts.values()]
    assert b"\n//" not in b"".join(texts)
    assert sum(len(gzip.compress(text)) for text in texts) <= MOST_OF_THE_SEAT_MAP
