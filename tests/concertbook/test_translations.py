"""Every message has a Korean translation, and the compiled catalog is up to date."""

from io import BytesIO
from pathlib import Path

import unfold
from babel.messages.extract import extract
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.utils.translation.template import templatize

from concertbook.admin.unfold_words import WORDS

ROOT = Path(settings.BASE_DIR)
CATALOG = ROOT / "locale/ko/LC_MESSAGES"
APPS = ("accounts", "concertbook", "concerts", "operations", "payments", "queueing")
ONE, MANY, IN_CONTEXT = None, (1, 2), ((1, "c"), 2)
MARKERS = {
    "_": ONE,
    "gettext": ONE,
    "gettext_lazy": ONE,
    "gettext_noop": ONE,
    "ngettext": MANY,
    "ngettext_lazy": MANY,
    "pgettext": IN_CONTEXT,
    "pgettext_lazy": IN_CONTEXT,
}


def key(message):
    # The compiled catalog has bytes where the other has text.
    context = message.context or b""
    ids = [message.id] if isinstance(message.id, str) else message.id
    return (context.decode() if isinstance(context, bytes) else context, *ids)


def texts(message):
    string = message.string
    return (string,) if isinstance(string, str) else tuple(string)


def translated():
    with (CATALOG / "django.po").open("rb") as po:
        return [message for message in read_po(po, locale="ko") if message.id]


def said():
    """Every text that the code and the templates mark for translation."""
    for app in APPS:
        yield from said_by_code(ROOT / app)
    yield from said_by_templates(ROOT / "templates")


def said_by_code(folder):
    for path in folder.rglob("*.py"):
        yield from marked(path.read_text())


def said_by_templates(folder):
    for path in folder.rglob("*.*"):
        if path.suffix in {".html", ".svg", ".txt"}:
            # As makemessages reads them: everything but the marks is blotted out.
            lines = templatize(path.read_text()).splitlines()
            yield from marked("\n".join(line.strip() for line in lines))


def marked(source):
    for _line, text, _comments, context in extract("python", BytesIO(source.encode()), MARKERS):
        yield (context or "", *([text] if isinstance(text, str) else text))


def test_everything_that_is_said_is_in_the_catalog_and_nothing_else():
    assert set(said()) == {key(message) for message in translated()}


def test_everything_is_translated_into_korean():
    assert [m.id for m in translated() if m.fuzzy or not all(texts(m))] == []


def test_the_words_translated_for_unfold_are_still_its_own():
    unfold_folder = Path(unfold.__file__).parent
    its_own = {*said_by_code(unfold_folder), *said_by_templates(unfold_folder)}

    assert [word for word in WORDS if ("", word) not in its_own] == []


def test_translations_keep_the_placeholders():
    broken = [message.id for message in translated() if list(message.check())]

    assert broken == []


def test_the_compiled_catalog_is_the_one_that_was_translated():
    with (CATALOG / "django.mo").open("rb") as mo:
        compiled = {key(m): texts(m) for m in read_mo(mo) if m.id}

    assert compiled == {key(m): texts(m) for m in translated()}
