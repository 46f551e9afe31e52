"""Texts of any length in a given width, for what is drawn: pictures and PDF."""

import unicodedata
from collections.abc import Callable, Mapping

# The width of a text in a font.
Measure = Callable[[str], float]


def largest(
    text: str, *, sizes: Mapping[int, int], measure: Callable[[str, int], float], width: float
) -> tuple[int, list[str]]:
    """The text in the first of these sizes in which it needs no more than so many lines, else cut
    to the last one: ``sizes`` are lines by size, the largest first."""
    for size, most in sizes.items():
        measure_size = _at(measure, size)
        lines = wrap(text, measure_size, width)
        if len(lines) <= most:
            return size, lines
    kept = lines[:most]
    kept[-1] = fit(f"{kept[-1]} {lines[most]}", measure_size, width)
    return size, kept


def _at(measure: Callable[[str, int], float], size: int) -> Measure:
    return lambda text: measure(text, size)


def wrap(text: str, measure: Measure, width: float) -> list[str]:
    """Lines that are broken between words; a word that is longer than a line, anywhere."""
    lines = [""]
    for word in plain(text).split():
        longer = f"{lines[-1]} {word}".strip()
        if measure(longer) <= width:
            lines[-1] = longer
            continue
        if lines[-1]:
            lines.append("")
        for letter in word:
            if measure(lines[-1] + letter) > width:
                lines.append("")
            lines[-1] += letter
    return lines


def fit(text: str, measure: Measure, width: float) -> str:
    """On one line, with an ellipsis if it is too long."""
    text = plain(text)
    if measure(text) <= width:
        return text
    while text and measure(f"{text}…") > width:
        text = text[:-1]
    return f"{text.rstrip()}…"


def plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).split())
