"""Whether a text has anything to be seen."""

import unicodedata

# Letters by their category, drawn as nothing: the Hangul fillers.
FILLERS = set("\u115f\u1160\u3164\uffa0")


def has_visible(text: str) -> bool:
    """Whether a letter, digit, sign or symbol is among the characters."""
    return any(unicodedata.category(each)[0] in "LNPS" and each not in FILLERS for each in text)
