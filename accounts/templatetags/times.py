"""Moments and waits as people read them, in the venue's time zone."""

import datetime as dt

from django import template
from django.utils.dateformat import format as formatted
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext, pgettext

register = template.Library()


@register.filter
def when(moment: dt.datetime) -> str:
    return formatted(localtime(moment), pgettext("date and time", "D j M Y, H:i"))


@register.filter
def day(moment: dt.datetime) -> str:
    return formatted(localtime(moment), pgettext("date", "D j M Y"))


@register.filter
def clock(moment: dt.datetime) -> str:
    """The time of day to the second: for deadlines of minutes."""
    return formatted(localtime(moment), "H:i:s")


@register.filter
def wait(seconds: int) -> str:
    """A wait in seconds as nobody could mistake for a promise: rounded up to whole minutes."""
    if seconds < 60:
        return gettext("less than a minute")
    minutes = -(-seconds // 60)
    if minutes < 60:
        return ngettext("about %d minute", "about %d minutes", minutes) % minutes
    hours = round(minutes / 60)
    return ngettext("about %d hour", "about %d hours", hours) % hours
