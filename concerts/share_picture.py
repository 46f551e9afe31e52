"""The picture that messengers and social networks show beside a link to a concert.

It is what the poster is: type on the artwork colours of the concert, over arcs. 1200 x 630 is what
the networks ask for. Servers have no Korean font: fonts/ has Pretendard, Regular and Bold,
unchanged, from the npm package pretendard 1.3.9, and its licence (SIL OFL 1.1).
"""

from functools import cache
from io import BytesIO
from pathlib import Path

from django.utils import translation
from PIL import Image, ImageDraw, ImageFont

from concertbook.templatetags.times import day
from concerts.models import Concert
from concerts.poster_art import Artwork, artwork
from concerts.text_fitting import fit, largest

FONT = Path(__file__).parent / "fonts" / "Pretendard-Bold.ttf"
WIDTH, HEIGHT = 1200, 630
MARGIN = 72
TEXT_WIDTH = 700
# Sizes of the title, from which the largest is taken that needs no more lines than this.
TITLE_SIZES = {132: 1, 108: 2, 84: 3, 64: 4}
TITLE_CENTRE = 290
SMALL = 34
# Circles are drawn larger and made smaller: Pillow draws them with steps.
FINER = 2
ARCS = (430, 350, 270, 190, 110)

Font = ImageFont.FreeTypeFont


def draw_picture(concert: Concert) -> bytes:
    """A PNG, in Korean. The concert has its run (with_offers)."""
    art = artwork(concert)
    picture = _arcs(art)
    draw = ImageDraw.Draw(picture)
    top = MARGIN
    if concert.artist:
        draw.text((MARGIN, top), _fit(concert.artist), art.ink, _font(SMALL))
    _draw_title(draw, concert.title, art)
    venue = _fit(concert.venue)
    bottom = HEIGHT - MARGIN
    draw.text((MARGIN, bottom), venue, art.ink, _font(SMALL), anchor="ls")
    above = bottom - 48 if venue else bottom
    draw.text((MARGIN, above), _run(concert), art.ink, _font(SMALL), anchor="ls")
    written = BytesIO()
    picture.quantize(64).save(written, "PNG", optimize=True)
    return written.getvalue()


def _arcs(art: Artwork) -> Image.Image:
    size = WIDTH * FINER, HEIGHT * FINER
    picture = Image.new("RGB", size, art.ground)
    draw = ImageDraw.Draw(picture)
    across, down = WIDTH * FINER, 0 if art.is_turned else HEIGHT * FINER
    draw.circle((0, HEIGHT * FINER - down), 300 * FINER, art.shade)
    colours = art.first, art.ground, art.second, art.ground, art.first
    for radius, colour in zip(ARCS, colours, strict=True):
        draw.circle((across, down), radius * FINER, colour)
    return picture.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)


def _draw_title(draw: ImageDraw.ImageDraw, title: str, art: Artwork) -> None:
    size, lines = largest(title, sizes=TITLE_SIZES, measure=_width, width=TEXT_WIDTH)
    height = round(size * 1.16)
    first = TITLE_CENTRE - height * (len(lines) - 1) // 2
    for number, line in enumerate(lines):
        at = MARGIN, first + number * height
        draw.text(at, line, art.ink, _font(size), anchor="lm")


def _fit(text: str) -> str:
    return fit(text, _font(SMALL).getlength, TEXT_WIDTH)


def _width(text: str, size: int) -> float:
    return _font(size).getlength(text)


def _run(concert: Concert) -> str:
    with translation.override("ko"):
        starts, ends = day(concert.run_starts), day(concert.run_ends)  # type: ignore[attr-defined]
    return starts if starts == ends else f"{starts} – {ends}"


@cache
def _font(size: int) -> Font:
    return ImageFont.truetype(str(FONT), size)
