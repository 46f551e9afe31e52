"""Texts and styles for what can be bought."""

from django import template
from django.utils.functional import Promise

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
