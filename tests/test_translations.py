"""Every word that people see has a Korean translation, and what runs is what was translated."""

from pathlib import Path

from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po
from django.conf import settings

CATALOG = Path(settings.BASE_DIR) / "locale/ko/LC_MESSAGES"


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


def test_everything_is_translated_into_korean():
    assert [m.id for m in translated() if m.fuzzy or not all(texts(m))] == []


def test_translations_keep_the_placeholders():
    broken = [message.id for message in translated() if list(message.check())]

    assert broken == []


def test_the_compiled_catalog_is_the_one_that_was_translated():
    with (CATALOG / "django.mo").open("rb") as mo:
        compiled = {key(m): texts(m) for m in read_mo(mo) if m.id}

    assert compiled == {key(m): texts(m) for m in translated()}
