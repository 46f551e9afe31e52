"""Business days in Korea: no Saturday, Sunday or public holiday, substitute holidays included.

The holidays come from the ``holidays`` library, without a network. A day off that the government
declares at short notice is known once the library is updated; until then operators name it in
EXTRA_HOLIDAYS.
"""

import datetime as dt
from functools import cache

import holidays
from django.conf import settings
from django.utils import timezone

SATURDAY = 5
DAY = dt.timedelta(days=1)


def after_business_hours(moment: dt.datetime, period: dt.timedelta) -> dt.datetime:
    """When ``period`` is over that begins at ``moment`` and runs on business days only.

    A business day has 24 hours, from midnight to midnight in Seoul. 24 hours from Friday 18:00 are
    over on Monday 18:00; 24 hours from any time of a Saturday are over when the Monday is.
    """
    now = moment.astimezone(timezone.get_default_timezone())
    while True:
        midnight = dt.datetime.combine(now.date() + DAY, dt.time(), now.tzinfo)
        if is_business_day(now.date()):
            if now + period <= midnight:
                return now + period
            period -= midnight - now
        now = midnight


def is_business_day(day: dt.date) -> bool:
    is_holiday = day in _holidays() or day.isoformat() in settings.EXTRA_HOLIDAYS
    return day.weekday() < SATURDAY and not is_holiday


@cache
def _holidays() -> holidays.HolidayBase:
    # BANK adds Labour Day in the years before it was a public holiday.
    return holidays.country_holidays("KR", categories=(holidays.PUBLIC, holidays.BANK))
