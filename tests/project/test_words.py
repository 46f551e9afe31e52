"""One word for one concept: the former names of the product's concepts do not come back.

Three tables, each from a word to the word to use:

- ``ANYWHERE``: in no tracked text, be it code, prose, a template, CSS, JavaScript, Lua or SQL.
- ``IN_NAMES``: ordinary English ("the rest", "a place in line"), so it may be used in prose. It is
  no word of the name of a file, or of a class, a function or a module's constant in Python. The
  names of tests are sentences, so they are prose.
- ``WHOLE_NAMES``: no such name by itself. In ``HoldGrant`` or ``run_once`` the word is right.

A name is compared word for word: ``on_stage`` and ``StageLight`` both contain "stage". The
changelog may tell what something was called. The messages of the product have a list of their own.
"""

import ast
import re
import subprocess
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest
from babel.messages.pofile import read_po

ROOT = Path(__file__).resolve().parents[2]
CATALOG = "locale/ko/LC_MESSAGES/django.po"
# Its English is that of the templates and of the code.
NOT_READ = {"CHANGELOG.md", CATALOG, Path(__file__).relative_to(ROOT).as_posix()}

ANYWHERE = {
    "basket": "LockedCart",
    "crowd": "population, users",
    "fan": "buyer",
    "fans": "buyers",
    "flood": "rate_limit",
    "leash": "supervisor",
    "movement": "LedgerEntry",
    "resting": "cooldown",
    "stage": "fixtures",
    "wish": "HoldRequest",
    "witness": "recorder",
}
IN_NAMES = {
    "about": "RoomSnapshot",
    "door": "check_in",
    "doors": "gate_load",
    "mark": "IndexWatermark",
    "marks": "IndexWatermark",
    "operating": "schedule_rules",
    "pass": "Credential",
    "passes": "credentials",
    "place": "QueuePosition",
    "places": "QueuePosition",
    "promise": "constraint",
    "promises": "constraints",
    "rest": "cooldown",
    "standing": "QueueStatus, BuyerHoldings",
    "stay": "admission",
    "together": "group_commit",
}
WHOLE_NAMES = {
    "Grant": "HoldGrant",
    "Job": "Pending",
    "Once": "IdempotentRequest",
    "OneOf": "AnyOf",
    "Order": "PaymentRequest",
    "Slot": "Param",
    "StepAside": "FallThrough",
    "act_once": "run_once",
    "test_odds": "test_availability_odds",
    "test_together": "test_group_commit",
    "test_whose_is_whose": "test_object_permissions",
}
EXCEPTIONS = {
    ("doors", "concerts/models/schedule.py"): "a column, which the API shows",
    ("doors", "payments/*"): "a ticket is not checked in before the concert's doors open",
    ("doors", "tests/model/oracle.py"): "as in payments",
    ("mark", "operations/services/exports.py"): "Unicode's byte order mark",
    ("marks", "accounts/services/sign_up.py"): "Unicode's direction marks",
    ("movement", "static/console/vendor/*"): "the mouse's, in a library",
    ("movement", "static/vendor/qr/*"): "another project's, unchanged",
    ("place", "concerts/errors.py"): "a seat's place in the hall: the API's seat_place_taken",
    ("rest", "concertbook/settings.py"): "Django REST framework's own setting",
    ("rest", "tests/concertbook/test_representations.py"): "Django REST framework",
    ("stage", "concerts/*"): "the stage of the hall, in a seat plan",
    ("stage", "templates/concerts/hall.html"): "the stage, in the picture of the hall",
    ("stage", "docs/openapi.yaml"): "as in concerts",
    ("stage", "tests/concerts/test_seat_plans.py"): "as in concerts",
    ("stage", "static/*"): "the stage of the hall, on the seat map",
    ("stage", "templates/operations/console/seats.html"): "the stage of the hall, on the seat map",
    ("stage", "templates/payments/seat_map.html"): "the stage of the hall, on the seat map",
    ("stage", "tests/browser/test_seat_map.py"): "the stage of the hall, on the seat map",
}
# A message names the person: the buyer, another buyer, you.
NOT_IN_MESSAGES = re.compile(
    r"\b(?:(?:some|every|any)(?:body|one)|nobody|no one|who(?:m)?ever)\b", re.IGNORECASE
)


class Finding(NamedTuple):
    word: str
    file: str
    use: str


def test_no_former_name_of_a_concept_is_left():
    unexpected = {
        found for found in findings() if not any(covers(each, found) for each in EXCEPTIONS)
    }

    assert unexpected == set()


@pytest.mark.parametrize("exception", EXCEPTIONS, ids=" in ".join)
def test_every_exception_is_still_needed(exception):
    assert any(covers(exception, found) for found in findings())


def test_messages_name_the_person():
    with (ROOT / CATALOG).open() as file:
        messages = [message.id for message in read_po(file) if message.id]
    texts = [text for each in messages for text in ([each] if isinstance(each, str) else each)]

    assert [text for text in texts if NOT_IN_MESSAGES.search(text)] == []


@pytest.mark.parametrize(
    ("file", "text", "words"),
    [
        ("a/module.py", "def on_stage(): ...", {"stage"}),
        ("a/module.py", "class StageLight: ...", {"stage"}),
        ("a/module.py", "wait()  # for the crowd", {"crowd"}),
        ("a/module.py", "def _rest_of(line): ...", {"rest"}),
        ("a/module.py", "class Line:\n    async def stay(self): ...", {"stay"}),
        ("a/module.py", "FREE_PLACES: int = 4", {"places"}),
        ("a/module.py", "class Once: ...", {"Once"}),
        ("a/together.py", "", {"together"}),
        ("tests/test_odds.py", "", {"test_odds"}),
        ("a/style.css", ".fan-list { color: red }", {"fan"}),
        ("a/line.lua", "-- Removes a wish", {"wish"}),
        ("a/module.py", "place = 1  # about the rest of the line\ndef run_once(): ...", {"place"}),
        ("a/module.py", "def run_once(place): ...  # about the rest of the line", set()),
        ("a/test_module.py", "def test_a_place_in_line_is_kept(): ...", set()),
        ("a/page.html", "<p>All of you together, in front of the doors</p>", set()),
        ("a/module.py", "fanfare = backstage = 1", set()),
    ],
)
def test_words_are_found_in_names_and_in_prose(file, text, words):
    assert {found.word for found in find(file, text)} == words


@cache
def findings() -> frozenset[Finding]:
    return frozenset(found for file, text in tracked_texts() for found in find(file, text))


def covers(exception: tuple[str, str], found: Finding) -> bool:
    word, files = exception
    return found.word == word and fnmatch(found.file, files)


def tracked_texts() -> Iterator[tuple[str, str]]:
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(listed, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    for file in {*listing.split("\0")} - NOT_READ - {""}:
        try:
            yield file, (ROOT / file).read_text()
        except (FileNotFoundError, IsADirectoryError, UnicodeDecodeError):
            continue  # deleted, and not committed yet; a link to a folder; an image


def find(file: str, text: str) -> Iterator[Finding]:
    names = {Path(file).stem, *Path(file).parent.parts}
    if file.endswith(".py"):
        names |= names_defined(text)
    for word in {*words_of(text), *words_of(file)} & ANYWHERE.keys():
        yield Finding(word, file, ANYWHERE[word])
    for name in names & WHOLE_NAMES.keys():
        yield Finding(name, file, WHOLE_NAMES[name])
    for name in names:
        if not name.startswith("test_"):
            for word in {*words_of(name)} & IN_NAMES.keys():
                yield Finding(word, file, IN_NAMES[word])


def words_of(text: str) -> Iterator[str]:
    found = set(re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", text))
    return (word.lower() for word in found)


def names_defined(source: str) -> set[str]:
    """The classes and functions of a module, methods too, and its constants."""
    module = ast.parse(source)
    constants = (node for node in module.body if isinstance(node, ast.Assign | ast.AnnAssign))
    return {
        *(
            node.name
            for node in statements(module)
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        ),
        *(
            node.id
            for constant in constants
            for node in ast.walk(constant)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        ),
    }


def statements(node: ast.AST) -> Iterator[ast.AST]:
    """Those in the node, at any depth. Names are defined by these: expressions are not read."""
    for field in ("body", "orelse", "handlers", "finalbody", "cases"):
        for each in getattr(node, field, []):
            yield each
            yield from statements(each)
