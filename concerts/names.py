"""The names on a seat: their stored form, and which of them look the same."""

import unicodedata

from django.db.models import F, Func, Value
from django.db.models.functions import Lower

from concertbook.visible import FILLERS

# Variants of the hyphen in "A-1": U+2010 to U+2015, and the minus sign.
DASHES = dict.fromkeys([*range(0x2010, 0x2016), 0x2212], "-")
INVISIBLE = {"Cc", "Cf"}


def clean_name(text: str) -> str:
    """The text as it is stored: composed (NFC), single spaces, no invisible character, one hyphen.

    A line break or a tab is a space.
    """
    composed = unicodedata.normalize("NFC", " ".join(text.split())).translate(DASHES)
    visible = "".join(
        each
        for each in composed
        if unicodedata.category(each) not in INVISIBLE and each not in FILLERS
    )
    return " ".join(visible.split())


def look_alike(name: str | F | Value) -> Lower:
    """A key that is equal for names that look the same: it ignores full width and case. ``name`` is
    a column, or a Value to compare with one.

    Computed by the database only: Python's rules for upper case differ from PostgreSQL's.
    """
    return Lower(Func(name, template="normalize(%(expressions)s, NFKC)"))
