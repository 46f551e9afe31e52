"""Periods of days in the venue's time zone, as reports and the settlement ask for them."""

import datetime as dt

from django.utils import timezone

from payments.errors import InvalidPeriod

LONGEST_PERIOD = dt.timedelta(days=366)
# Within the range of dates that survives a conversion of time zones.
FIRST_DAY, LAST_DAY = dt.date(2000, 1, 1), dt.date(2999, 12, 31)

Period = tuple[dt.datetime, dt.datetime]


def period_of(first: dt.date, last: dt.date) -> Period:
    """From the beginning of the first day to the end of the last, both included.

    Raises InvalidPeriod for more than a year.
    """
    if not (FIRST_DAY <= first <= last <= LAST_DAY and last - first < LONGEST_PERIOD):
        raise InvalidPeriod
    return _midnight(first), _midnight(last + dt.timedelta(days=1))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), tzinfo=timezone.get_default_timezone())
