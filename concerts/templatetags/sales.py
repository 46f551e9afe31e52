"""Texts and styles for what can be bought."""

from django import template
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from concertbook.templatetags.texts import HANGUL, korean
from concerts import poster_art
from concerts.models import Concert
from concerts.refund_policy import Period, RefundPolicy
from concerts.services.offers import Sale
from concerts.services.sale_opening import SaleOpening, find_sale_opening
from queueing.models import WaitingRoom

register = template.Library()

TONES = {Sale.OPEN: "open", Sale.BUSY: "", Sale.UPCOMING: "", Sale.UNANNOUNCED: ""}


@register.filter
def sale_words(sale: str) -> str | Promise:
    return Sale(sale).label


@register.filter
def sale_tone(sale: str) -> str:
    """The style of the text: ``open``, ``over``, or none."""
    return TONES.get(Sale(sale), "over")


@register.simple_tag
def sale_opening(room: WaitingRoom) -> SaleOpening | None:
    """For a room that is open before its sale is."""
    return find_sale_opening(room_id=room.pk)


@register.simple_tag
def told(concert: Concert, name: str) -> SafeString:
    """The concert's ``title``, ``venue``, ``artist`` ... in the page's language, or else marked as
    Korean: ``{% told concert "title" %}``."""
    return korean(told_as_text(concert, name))


@register.filter
def told_as_text(concert: Concert, name: str) -> str:
    """As ``told``, without markup: for <title>, attributes and texts with line breaks."""
    english = getattr(concert, f"{name}_en", "") if get_language() != "ko" else ""
    text: str = english or getattr(concert, name)
    return text


@register.simple_tag
def artwork(concert: Concert) -> poster_art.Artwork:
    """The artwork of the concert's drawn poster."""
    return poster_art.artwork(concert)


# The size of a drawn poster's title, by the most Hangul syllables in all and in its longest word.
TITLE_SIZES = (
    (4.5, 4.5, "huge-title"),
    (10.5, 6.0, "large-title"),
    (24.0, 9.0, "medium-title"),
)


@register.filter
def title_size(title: str) -> str:
    """The class for a title of this length on a drawn poster."""
    width, longest = _width(title), max(map(_width, title.split()), default=0)
    for most, most_in_a_word, size in TITLE_SIZES:
        if width <= most and longest <= most_in_a_word:
            return size
    return "small-title"


def _width(text: str) -> float:
    """In Hangul syllables: a Latin letter is about half as wide."""
    return sum(1.0 if HANGUL.match(letter) else 0.55 for letter in text)


GRADES = ("VIP", "R", "S", "A")


@register.filter
def grade_tone(grade: str) -> str:
    """The colour of a grade, for ``data-grade``: ``vip``, ``r``, ``s``, ``a`` or ``other``."""
    letter = grade_letter(grade)
    return letter.lower() if letter in GRADES else "other"


@register.filter
def grade_letter(grade: str) -> str:
    """What stands in a grade's chip: VIP for VIP석, other names as they are."""
    letter = grade.strip().upper().removesuffix("석")
    return letter if letter in GRADES else grade or "–"


@register.filter
def is_below_standard(policy: str) -> bool:
    return not RefundPolicy.parse(policy).meets_standard


@register.filter
def refund_periods(policy: str) -> list[Period]:
    """The rows of a ladder's table, for ``concert.refund_policy``."""
    return RefundPolicy.parse(policy).periods()
