"""What search engines and messengers read of a concert's page."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django import template
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language

from concertbook.http.languages import public_page_in
from concerts import structured_data
from concerts.models import Concert, ConcertSchedule

register = template.Library()

# No text of an operator can end the element or begin another.
ESCAPES = {ord(letter): f"\\u{ord(letter):04X}" for letter in "<>&\u2028\u2029"}


@register.simple_tag(takes_context=True)
def share_picture(context: Mapping[str, Any], concert: Concert) -> str:
    origin: str = context.get("origin", "")
    return origin + reverse("share_picture", args=[concert.pk])


@register.simple_tag(takes_context=True)
def event_data(
    context: Mapping[str, Any], concert: Concert, schedules: Sequence[ConcertSchedule]
) -> SafeString:
    """The performances as JSON-LD, in a data block: the policy forbids scripts only."""
    language = get_language() or ""
    page = context.get("origin", "") + public_page_in(language, "concert_detail", concert.pk)
    picture = share_picture(context, concert)
    found = structured_data.events(concert, schedules, page=page, picture=picture)
    written = json.dumps(found, ensure_ascii=False, separators=(",", ":")).translate(ESCAPES)
    return format_html('<script type="application/ld+json">{}</script>', mark_safe(written))
