"""Posters that are drawn: from the concert's id and colour, legible in every one."""

import re
import uuid

import pytest
from django.template.loader import render_to_string

from concerts.models import Concert, ShowColour
from concerts.poster_art import COLOURS, MOTIFS, artwork


def contrast(one: str, other: str) -> float:
    """WCAG 2.2 of two colours, #rrggbb."""
    lighter, darker = sorted(map(luminance, (one, other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return sum(w * part for w, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("colour", ShowColour)
def test_the_type_can_be_read_in_every_colour(colour):
    art = COLOURS[colour]

    assert contrast(art.ink, art.ground) >= 4.5
    assert contrast(art.ink, art.shade) >= 4.5


def drawn(concert: Concert) -> str:
    return render_to_string("concerts/poster.html", {"concert": concert})


def test_a_concert_keeps_its_poster_and_others_look_different():
    concerts = [Concert(pk=uuid.UUID(int=n << 64), title="한밤") for n in range(200)]

    assert {artwork(concert).motif for concert in concerts} == set(MOTIFS)
    assert len({drawn(concert) for concert in concerts}) >= 2 * len(MOTIFS)
    assert all(drawn(concert) == drawn(concert) for concert in concerts)


@pytest.mark.parametrize("number", range(len(MOTIFS)))
def test_a_motif_is_drawn_in_the_colours_of_the_artwork(number):
    concert = Concert(pk=uuid.UUID(int=number << 64), title="한밤", colour="teal")
    art = artwork(concert)

    used = set(re.findall("#[0-9a-f]{6}", drawn(concert)))

    assert {art.ground, art.shade, art.first, art.second} == used


@pytest.mark.parametrize(
    ("title", "size"),
    [
        ("첫눈", "huge-title"),
        ("인디 웨이브", "large-title"),
        ("시네마 심포니: 영화음악의 밤", "medium-title"),
        ("우리가 사랑한 여름, 십주년 기념 앙코르 콘서트와 팬 미팅", "small-title"),
        ("Cinema Symphony", "large-title"),
        ("Bach, Unaccompanied", "medium-title"),
    ],
)
def test_a_long_title_is_set_smaller(title, size):
    assert f'<b class="{size}">' in drawn(Concert(title=title))


def test_the_words_of_a_poster_are_escaped_and_not_read_aloud():
    poster = drawn(Concert(title="<i>한밤</i>", artist="<i>", venue="<i>"))

    assert "<i>" not in poster
    assert 'aria-hidden="true"' in poster
