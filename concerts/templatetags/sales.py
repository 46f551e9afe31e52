"""Texts and styles for what can be bought."""

from django import template
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from concertbook.templatetags.texts import korean
from concerts.models import Concert
from concerts.services.offers import Sale

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
