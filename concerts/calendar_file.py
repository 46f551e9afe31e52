"""A concert for calendars (iCalendar, RFC 5545): its performances, and when their sales open."""

import datetime as dt
from collections.abc import Iterable
from functools import cache
from itertools import groupby
from typing import Any

from django.utils.timezone import get_default_timezone
from django.utils.translation import gettext as _
from icalendar import Alarm, Calendar, Event, Timezone

from concerts.models import Concert, ConcertSchedule
from concerts.services.offers import Sale
from concerts.templatetags.sales import told_as_text

MEDIA_TYPE = "text/calendar; charset=utf-8"
ALARM_BEFORE = dt.timedelta(minutes=10)
# An event needs an end; by then a buyer is in line.
OPENING_LASTS = dt.timedelta(minutes=30)


def write_calendar(concert: Concert, schedules: Iterable[ConcertSchedule], page: str) -> bytes:
    """In the active language. ``schedules`` have their sale (with_sales); ``page`` is the concert's
    address.

    The same as long as nothing changes: an event keeps its UID when it is moved or cancelled, so a
    calendar that reads the file again moves it too.
    """
    calendar = new_calendar(told_as_text(concert, "title"))
    schedules = list(schedules)
    for schedule in schedules:
        calendar.add_component(_performance(concert, schedule, page))
    upcoming: Any = [each for each in schedules if each.sale == Sale.UPCOMING]  # type: ignore[attr-defined]
    upcoming.sort(key=lambda each: (each.sale_opens_at, each.start_at, each.pk))
    # The dates of a run mostly open at one moment.
    for moment, opening in groupby(upcoming, key=lambda each: each.sale_opens_at):
        calendar.add_component(_opening(concert, next(opening), moment, page))
    return finished(calendar)


def _performance(concert: Concert, schedule: ConcertSchedule, page: str) -> Event:
    event = new_event(f"{schedule.pk}@concertbook", schedule.updated_at, page)
    event.add("SUMMARY", told_as_text(concert, "title"))
    add_show(
        event,
        starts_at=schedule.start_at,
        ends_at=schedule.end_at,
        is_cancelled=schedule.cancelled_at is not None,
        places=[told_as_text(concert, "venue"), concert.venue_address],
    )
    return event


def _opening(concert: Concert, schedule: ConcertSchedule, moment: dt.datetime, page: str) -> Event:
    event = new_event(f"{schedule.pk}-sale@concertbook", schedule.updated_at, page)
    title = _("Sale opens: %(title)s") % {"title": told_as_text(concert, "title")}
    event.add("SUMMARY", title)
    event.add("DTSTART", in_seoul(moment))
    event.add("DTEND", in_seoul(moment + OPENING_LASTS))
    event.add("TRANSP", "TRANSPARENT")
    alarm = Alarm()
    alarm.add("ACTION", "DISPLAY")
    alarm.add("DESCRIPTION", title)
    alarm.add("TRIGGER", -ALARM_BEFORE)
    event.add_component(alarm)
    return event


def new_calendar(name: str) -> Calendar:
    calendar = Calendar()
    calendar.add("PRODID", "-//concertbook//concerts//EN")
    calendar.add("VERSION", "2.0")
    calendar.add("METHOD", "PUBLISH")
    calendar.add("X-WR-CALNAME", name)
    return calendar


def finished(calendar: Calendar) -> bytes:
    """The file, with the time zone that its events name."""
    if calendar.get_missing_tzids():
        calendar.subcomponents.insert(0, _time_zone())
    return bytes(calendar.to_ical())


@cache
def _time_zone() -> Timezone:
    # Its history of a hundred years takes 7 ms to find.
    return Timezone.from_tzinfo(get_default_timezone())


def new_event(uid: str, changed_at: dt.datetime, page: str) -> Event:
    event = Event()
    event.add("UID", uid)
    event.add("DTSTAMP", changed_at.astimezone(dt.UTC))
    event.add("LAST-MODIFIED", changed_at.astimezone(dt.UTC))
    # Calendars take of two states the one with the higher number.
    event.add("SEQUENCE", int(changed_at.timestamp()) - SEQUENCE_BEGINS)
    event.add("URL", page)
    return event


def add_show(
    event: Event,
    *,
    starts_at: dt.datetime,
    ends_at: dt.datetime,
    is_cancelled: bool,
    places: Iterable[str],
) -> None:
    """When and where the show is, and whether it takes place; empty places are left out."""
    event.add("DTSTART", in_seoul(starts_at))
    event.add("DTEND", in_seoul(ends_at))
    event.add("STATUS", "CANCELLED" if is_cancelled else "CONFIRMED")
    if place := ", ".join(filter(None, places)):
        event.add("LOCATION", place)


# A SEQUENCE has 32 bits with a sign.
SEQUENCE_BEGINS = int(dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp())


def in_seoul(moment: dt.datetime) -> dt.datetime:
    return moment.astimezone(get_default_timezone())
