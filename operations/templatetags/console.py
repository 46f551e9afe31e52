"""Figures of the console as text."""

from django import template
from django.utils.translation import gettext

register = template.Library()


@register.filter
def seconds_short(seconds: float | None) -> str:
    """42 s, 3:05 minutes, or a dash where it is not known."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    if whole < 60:
        return gettext("%(n)s s") % {"n": whole}
    return gettext("%(minutes)s min %(seconds)s s") % {
        "minutes": f"{whole // 60:,}",
        "seconds": whole % 60,
    }
