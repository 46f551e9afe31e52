"""The fonts of PDFs. Cutting one to the glyphs of a file, and writing it, took a fifth of the time
of a mail with tickets. Tickets of one show need the same glyphs, so what was written is kept.

What differs from ticket to ticket must not change the glyphs: digits and the like are in every
file, and names have a font of their own.
"""

import zlib
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from reportlab import rl_config
from reportlab.pdfbase.pdfdoc import PDFArray, PDFName, PDFObject
from reportlab.pdfbase.pdfmetrics import registerFont
from reportlab.pdfbase.ttfonts import TTFont, TTFontFace

import concerts

FONTS = Path(concerts.__file__).parent / "fonts"
REGULAR, BOLD = "Pretendard-Regular", "Pretendard-Bold"
# Bold, for what only one ticket says.
NAMES = "Pretendard-Bold-Names"
# Of seats, prices, dates and numbers of orders.
IN_EVERY_FILE = "0123456789 ABCDEFGHIJKLMNOPQRSTUVWXYZ.,:-/()"
# Some shows, in two languages, by section and weekday: 20 kB each.
MOST_KEPT = 200


@cache
def register_fonts() -> None:
    """Reading the fonts takes half a second, once in a process."""
    # Else it writes text of seven bits, which is larger by a quarter.
    rl_config.useA85 = 0
    for name, file in ((REGULAR, REGULAR), (BOLD, BOLD), (NAMES, BOLD)):
        font = _Font(name, FONTS / f"{file}.ttf", asciiReadable=0)
        font.face = _Face(font.face, name)
        registerFont(font)


class _Font(TTFont):  # type: ignore[misc]
    def splitString(  # noqa: N802 - reportlab's name
        self, text: str, doc: Any, encoding: str = "utf-8"
    ) -> Any:
        if doc not in self.state and self.fontName != NAMES:
            super().splitString(IN_EVERY_FILE, doc)
        return super().splitString(text, doc, encoding)

    def addObjects(self, doc: Any) -> None:  # noqa: N802 - reportlab's name
        names = [
            self.getSubsetInternalName(number, doc)[1:]
            for number, _subset in enumerate(self.state[doc].subsets)
        ]
        super().addObjects(doc)
        for name in names:
            font = doc.idToObject["BasicFonts"].dict[name]
            font.Widths = _Written(_numbers(tuple(font.Widths.sequence)))
            _compress(doc.idToObject[f"toUnicodeCMap:{font.BaseFont}"])


class _Face(TTFontFace):  # type: ignore[misc]
    """Without the table of names and licences, which a PDF need not have."""

    def __init__(self, read: TTFontFace, name: str) -> None:
        self.__dict__.update(vars(read))
        self.name = name.encode()

    def makeSubset(self, subset: list[int]) -> bytes:  # noqa: N802 - reportlab's name
        return _cut(self, tuple(subset))

    def addSubsetObjects(  # noqa: N802 - reportlab's name
        self, doc: Any, fontname: str, subset: list[int]
    ) -> Any:
        descriptor = super().addSubsetObjects(doc, fontname, subset)
        _compress(doc.idToObject[f"fontFile:{self.filename}({fontname})"])
        return descriptor

    def get_table(self, tag: str) -> bytes:
        if tag == "name":
            raise KeyError(tag)
        return bytes(super().get_table(tag))


class _Written(PDFObject):  # type: ignore[misc]
    def __init__(self, content: bytes) -> None:
        self.content = content

    def format(self, document: Any) -> bytes:
        return self.content


@lru_cache(maxsize=MOST_KEPT)
def _cut(face: _Face, subset: tuple[int, ...]) -> bytes:
    return bytes(TTFontFace.makeSubset(face, subset))


@lru_cache(maxsize=MOST_KEPT)
def _numbers(widths: tuple[float, ...]) -> bytes:
    return bytes(PDFArray(widths).format(None))


def _compress(stream: Any) -> None:
    stream.content = _compressed(stream.content)
    stream.dictionary["Filter"] = PDFArray([PDFName("FlateDecode")])


@lru_cache(maxsize=2 * MOST_KEPT)
def _compressed(content: bytes | str) -> bytes:
    return zlib.compress(content.encode() if isinstance(content, str) else content, 9)
