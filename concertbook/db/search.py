"""A search that finds what looks equal, however its letters are composed.

Korean typed on a Mac is decomposed (NFD), on other machines composed (NFC); letters may be of half
or full width; quotation marks and dashes may be typographic, a dot or a wave between words one of
several; a space may be any space. The comparison is made in the database, so that rows need not be
stored in one form.
"""

import unicodedata
from typing import Any

from django.db.models import CharField, Lookup, TextField

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


def compose(text: str) -> str:
    """The text in as few code points as possible, as limits of length count code points."""
    return unicodedata.normalize("NFC", text)


@CharField.register_lookup
@TextField.register_lookup
class LooksLike(Lookup):
    """``title__looks_like="text"``: the title contains a text that looks equal, in any case."""

    lookup_name = "looks_like"

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, tuple[Any, ...]]:
        stored, stored_params = self.process_lhs(compiler, connection)
        wanted, wanted_params = self.process_rhs(compiler, connection)
        sql = f"strpos({_plain(stored)}, btrim({_plain(wanted)})) > 0"
        return sql, (*stored_params, *wanted_params)


def _plain(text: str) -> str:
    """SQL of the normalized text."""
    alike, plain = (part.replace("'", "''") for part in (ALIKE, PLAIN))
    composed = f"translate(normalize({text}::text, NFKC), '{alike}', '{plain}')"
    return rf"upper(regexp_replace({composed}, '\s+', ' ', 'g'))"
