"""The shows that a member of the staff checks tickets in for."""

import datetime as dt
import uuid

from django.db.models import QuerySet

from accounts.models import User
from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule
from concerts.services.staff_concerts import limit
from payments.errors import UnknownSchedule

# A show can be chosen so long before its doors open, and so long after its end: phones are prepared
# before, and send what they did without a network afterwards.
BEFORE = dt.timedelta(hours=12)
AFTER = dt.timedelta(hours=12)


def shows_of_today(*, by: User) -> list[ConcertSchedule]:
    """Those that are not cancelled and can be chosen now, the earliest first."""
    now = database_now()
    lasting = _schedules_for(by).filter(end_at__gt=now - AFTER, cancelled_at=None)
    # The doors open a number of minutes before the start, which is the row's own.
    return [
        schedule
        for schedule in lasting.order_by("start_at", "pk")
        if schedule.doors_open_at - BEFORE <= now
    ]


def require_schedule(*, schedule_id: uuid.UUID, by: User) -> ConcertSchedule:
    """The schedule with its concert, if this member of the staff may check in its tickets.

    Raises UnknownSchedule.
    """
    schedule = _schedules_for(by).filter(pk=schedule_id).first()
    if schedule is None:
        raise UnknownSchedule
    return schedule


def _schedules_for(by: User) -> QuerySet[ConcertSchedule]:
    schedules = ConcertSchedule.objects.visible_to(by).select_related("concert")
    return limit(by, schedules, "concert")
