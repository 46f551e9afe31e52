"""Visible characters of a text."""

import unicodedata

# The Hangul fillers: letters by their category, but invisible.
FILLERS = set("\u115f\u1160\u3164\uffa0")


def has_visible(text: str) -> bool:
    """Whether the text contains a letter, digit, punctuation or symbol that is visible."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in FILLERS for each in text)
