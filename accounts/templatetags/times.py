"""Moments and waits as people read them, in the venue's time zone."""

import datetime as dt

from django import template
from django.utils.dateformat import format as formatted
from django.utils.timezone import localtime
from django.utils.translation import gettext, ngettext, pgettext

register = template.Library()


@register.filter
def when(moment: dt.datetime) -> str:
    return f"{day(moment)} {formatted(localtime(moment), 'H:i')}"


@register.filter
def day(moment: dt.datetime) -> str:
    """Tue 22 Dec 2026, or 2026.12.22(화): Django's own Korean weekdays are too long for a card."""
    local = localtime(moment)
    weekdays = pgettext("weekdays, from Monday on", "Mon Tue Wed Thu Fri Sat Sun").split()
    return pgettext("a day", "{weekday} {date}").format(
        weekday=weekdays[local.weekday()],
        date=formatted(local, pgettext("Django's date format", "j M Y")),
    )


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
