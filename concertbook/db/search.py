"""A search that finds what looks equal, however its letters are composed.

Korean typed on a Mac is decomposed (NFD), on other machines composed (NFC); letters may be of half
or full width; quotation marks and dashes may be typographic, a dot or a wave between words one of
several; a space may be any space. The comparison is made in the database, so that rows need not be
stored in one form. To search thousands of rows, the database also stores their texts in the form
that it compares (PlainText).

Korean names are also searched by initial consonants: ㅇㅎㄷ finds 연희동 (initials_pattern).
"""

import re
import unicodedata
from itertools import zip_longest
from typing import Any

from django.db.models import CharField, Func, Lookup, TextField

# Characters without width: soft hyphen, zero-width space and joiners, direction characters, word
# joiner, variation selectors, byte order mark.
UNSEEN = "\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\ufe0e\ufe0f\ufeff"
QUOTES = "\u2018\u2019\u02bc\u2032\u201c\u201d\u2033"
DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
# Variants of the middle dot in Korean titles; NFKC turns the keyboard's U+318D into U+119E.
DOTS = "\u119e\u2022\u2027\u2219\u22c5\u30fb"
WAVES = "\u223c\u301c"
ALIKE = QUOTES + DASHES + DOTS + WAVES + UNSEEN
PLAIN = "''''\"\"\"" + "-" * len(DASHES) + "\u00b7" * len(DOTS) + "~" * len(WAVES)
# As translate() of PostgreSQL, which drops the letters of ALIKE that have none in PLAIN.
TO_PLAIN = {ord(alike): plain for alike, plain in zip_longest(ALIKE, PLAIN)}

# Control characters that are neither spaces nor found in texts.
TEXT_ENDS = "\x1f"
NAMES_END = "\x1e"

# Each initial consonant, as NFKC writes it, with the first of the syllables that begin with it.
SYLLABLES_OF_AN_INITIAL = 588
FIRST_SYLLABLES = {
    chr(0x1100 + number): chr(0xAC00 + number * SYLLABLES_OF_AN_INITIAL) for number in range(19)
}
# Keyboards join two consonants in a row to one letter, which is no initial.
CLUSTERS = {
    ord(cluster): pair
    for cluster, pair in {
        "ㄳ": "ㄱㅅ",
        "ㄵ": "ㄴㅈ",
        "ㄶ": "ㄴㅎ",
        "ㄺ": "ㄹㄱ",
        "ㄻ": "ㄹㅁ",
        "ㄼ": "ㄹㅂ",
        "ㄽ": "ㄹㅅ",
        "ㄾ": "ㄹㅌ",
        "ㄿ": "ㄹㅍ",
        "ㅀ": "ㄹㅎ",
        "ㅄ": "ㅂㅅ",
    }.items()
}
# A backslash before any other letter would be a class of PostgreSQL's expressions, or an error.
SPECIAL = re.compile(r"[!-/:-@\[-`{-~]")


def compose(text: str) -> str:
    """The text in as few code points as possible, as limits of length count code points."""
    return unicodedata.normalize("NFC", text)


def initials_pattern(text: str) -> str:
    """PostgreSQL's regular expression, in any case, of a text in which a single consonant stands
    for any syllable that begins with it, to search a PlainText; "" for a text without one.

    The syllables that are sought may be parts of several words.
    """
    plain = unicodedata.normalize("NFKC", text.translate(CLUSTERS)).translate(TO_PLAIN)
    letters = " ".join(plain.split())
    if FIRST_SYLLABLES.keys().isdisjoint(letters):
        return ""
    return "".join(map(_pattern_of_letter, letters)).removesuffix(" ?")


def _pattern_of_letter(letter: str) -> str:
    first = FIRST_SYLLABLES.get(letter)
    if first is None:
        return SPECIAL.sub(r"\\\g<0>", letter)
    last = chr(ord(first) + SYLLABLES_OF_AN_INITIAL - 1)
    return f"[{letter}{first}-{last}] ?"


@CharField.register_lookup
@TextField.register_lookup
class LooksLike(Lookup):
    """``title__looks_like="text"``: the title contains a text that looks equal, in any case."""

    lookup_name = "looks_like"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        stored, stored_params = self.process_lhs(compiler, connection)
        wanted, wanted_params = self.process_rhs(compiler, connection)
        # A subquery is evaluated once, not for each row.
        sql = f"strpos({self.plain(stored)}, (SELECT btrim({_plain(wanted)}))) > 0"
        return sql, (*stored_params, *wanted_params)

    def plain(self, stored: str) -> str:
        return _plain(stored)


@TextField.register_lookup
class Says(LooksLike):
    """As looks_like, for a column that is stored as PlainText."""

    lookup_name = "says"

    def plain(self, stored: str) -> str:
        return stored


def _plain(text: str) -> str:
    """SQL of the normalized text."""
    alike, plain = (part.replace("'", "''") for part in (ALIKE, PLAIN))
    composed = f"translate(normalize({text}::text, NFKC), '{alike}', '{plain}')"
    return rf"upper(regexp_replace({composed}, '\s+', ' ', 'g'))"


class PlainText(Func):
    """The texts as they are compared: normalized, in upper case, joined by TEXT_ENDS.

    A change of it needs a migration that stores the texts again.
    """

    template = _plain("(%(expressions)s)")
    arg_joiner = f" || chr({ord(TEXT_ENDS)}) || "
    output_field = TextField()
