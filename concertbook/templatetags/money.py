"""Formatting of amounts of money."""

from django import template
from django.utils.translation import get_language

register = template.Library()


@register.filter
def won(amount: int) -> str:
    """50000 as 50,000원 in Korean, else as ₩50,000."""
    if get_language() == "ko":
        return f"{amount:,}원"
    return f"-₩{-amount:,}" if amount < 0 else f"₩{amount:,}"
