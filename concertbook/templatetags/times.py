"""Formatting of times and durations, in the venue's time zone, which is said.

``when`` and ``clock`` are elements, for pages; static/js/site.js adds the reader's own time when
the browser is in another zone. ``when_text`` and ``clock_text`` are the same as text: for
messages, mails, titles and attributes.
"""

import datetime as dt
from functools import lru_cache

from django import template
from django.utils.dateformat import format as formatted
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import get_default_timezone, localtime
from django.utils.translation import get_language, gettext, ngettext, pgettext

register = template.Library()

# Korea has no summer time.
ZONE = "KST"
MINUTE = 60
HOUR = 60 * MINUTE
# Up to here every range is clear; above it one that ends at more than so many times its start is
# wide.
CLEAR = 5 * MINUTE
WIDE = 4


@register.filter
def when(moment: dt.datetime) -> SafeString:
    return _when(moment, get_language())


# Written often: lists show the same performances to all, and each takes 40 us.
@lru_cache(maxsize=1000)
def _when(moment: dt.datetime, language: str | None) -> SafeString:
    return _element(moment, f"{day(moment)} {formatted(_at_the_venue(moment), 'H:i')}")


@register.filter
def when_text(moment: dt.datetime) -> str:
    return f"{day(moment)} {formatted(_at_the_venue(moment), 'H:i')} {ZONE}"


@register.filter
def day(moment: dt.datetime) -> str:
    """Tue 22 Dec 2026, or 2026.12.22(화): Django's own Korean weekdays are too long for a card."""
    return calendar_day(_at_the_venue(moment))


@register.filter
def calendar_day(local: dt.date) -> str:
    """``day`` for a date."""
    return _calendar_day(local.year, local.month, local.day, get_language())


# A ticket's mail says one day ten times.
@lru_cache(maxsize=1000)
def _calendar_day(year: int, month: int, number: int, language: str | None) -> str:
    local = dt.date(year, month, number)
    weekdays = pgettext("weekdays, from Monday on", "Mon Tue Wed Thu Fri Sat Sun").split()
    return pgettext("a day", "{weekday} {date}").format(
        weekday=weekdays[local.weekday()],
        date=formatted(local, pgettext("Django's date format", "j M Y")),
    )


@register.filter
def clock(moment: dt.datetime) -> SafeString:
    """The time of day with seconds, for deadlines within minutes."""
    return _element(moment, formatted(_at_the_venue(moment), "H:i:s"))


@register.filter
def clock_text(moment: dt.datetime) -> str:
    return f"{formatted(_at_the_venue(moment), 'H:i:s')} {ZONE}"


@register.filter
def second(moment: dt.datetime) -> str:
    """For staff: 2026-12-22 20:03:58, in every language."""
    return formatted(_at_the_venue(moment), "Y-m-d H:i:s")


def _element(moment: dt.datetime, text: str) -> SafeString:
    iso = _at_the_venue(moment).isoformat(timespec="seconds")
    return format_html(
        '<time datetime="{}">{} <span class="zone">{}</span></time>', iso, text, ZONE
    )


def _at_the_venue(moment: dt.datetime) -> dt.datetime:
    """Also within the API, whose time zone is UTC, for the times in its messages."""
    return localtime(moment, get_default_timezone())


@register.filter
def wait(fewest: int, most: int) -> str:
    """The range of a wait, from and to in seconds, worded as an estimate.

    Of a wide range only the end is said, as "1 to 51 minutes" would tell less. static/js/waiting.js
    has the same rules.
    """
    if most < MINUTE:
        return gettext("less than a minute")
    unit = MINUTE if most < 90 * MINUTE else HOUR
    low = max(1, fewest // unit)
    high = max(low + 1, -(-most // unit))
    if most > CLEAR and most > WIDE * fewest:
        if unit == MINUTE:
            return gettext("{high} minutes at most").format(high=high)
        return gettext("{high} hours at most").format(high=high)
    if unit == MINUTE:
        return gettext("about {low} to {high} minutes").format(low=low, high=high)
    return gettext("about {low} to {high} hours").format(low=low, high=high)


@register.filter
def lasting(seconds: int) -> str:
    """An exact duration: 90 as 90 seconds, 600 as 10 minutes."""
    if seconds % MINUTE:
        return ngettext("%d second", "%d seconds", seconds) % seconds
    minutes = seconds // MINUTE
    return ngettext("%d minute", "%d minutes", minutes) % minutes
