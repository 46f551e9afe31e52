"""The language of texts that operators wrote, on pages in another language."""

import re

from django import template
from django.utils.html import conditional_escape, format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

register = template.Library()

HANGUL = re.compile("[\u1100-\u11ff\u3131-\u318e\uac00-\ud7a3]")


@register.filter
def korean(text: str) -> SafeString:
    """The text; in a ``span lang="ko"`` if it is Korean and the page is not.

    A screen reader reads it with the right voice, a browser breaks its lines as Korean.
    """
    shown = conditional_escape(text)
    return format_html('<span lang="ko">{}</span>', shown) if lang(text) else shown


@register.filter
def lang(text: str) -> SafeString:
    """The attribute ``lang`` for an element with this text, with a space before it, or nothing."""
    is_foreign = get_language() != "ko" and HANGUL.search(text)
    return mark_safe(' lang="ko"' if is_foreign else "")
