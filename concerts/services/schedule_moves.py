"""Move a date: its times, its concert's run and its sale together.

Tickets show the schedule's times, so they move with it. A trigger notes the move, and a sweep mails
the ticket holders (payments/services/move_news.py).
"""

import datetime as dt
import uuid
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule
from concerts.services import schedule_rules
from concerts.services.seat_locks import lock_schedule
from concerts.services.show_dates import cover_dates

MOVED = ("start_at", "end_at", "reserve_until")


@dataclass(frozen=True)
class MovedTimes:
    """The times of a date after a move."""

    start_at: dt.datetime
    end_at: dt.datetime
    reserve_until: dt.datetime


def plan_move(schedule: ConcertSchedule, *, start_at: dt.datetime, now: dt.datetime) -> MovedTimes:
    """The times if it started at ``start_at``: as long as before, and sold until as long before the
    start, unless that is over already. A sale that is over stays so. Raises ValidationError, by
    field, for a move that cannot be made."""
    if schedule.cancelled_at is not None or schedule.start_at <= now:
        raise ValidationError({"start_at": _("This date was cancelled, or has begun.")})
    if start_at <= now or start_at == schedule.start_at:
        raise ValidationError({"start_at": _("Please give another time, in the future.")})
    moved_by = start_at - schedule.start_at
    until = schedule.reserve_until
    if until > now:
        until = until + moved_by if until + moved_by > now else min(until, start_at)
    if until <= schedule.reserve_from:
        raise ValidationError({"start_at": _("Its sale opens later than it would start.")})
    return MovedTimes(start_at, schedule.end_at + moved_by, until)


def move_schedule(
    *, schedule_id: uuid.UUID, start_at: dt.datetime, actor: User, reason: str
) -> ConcertSchedule:
    """Move a date (plan_move), and let its concert's run cover it.

    Raises NotFound, ValidationError.
    """
    with transaction.atomic():
        schedule = lock_schedule(schedule_id)
        times = plan_move(schedule, start_at=start_at, now=database_now())
        schedule_rules.require_sale_kept(
            schedule_id=schedule.pk,
            reserve_from=schedule.reserve_from,
            reserve_until=times.reserve_until,
            purchase_limit=schedule.purchase_limit,
        )
        before = {name: getattr(schedule, name) for name in MOVED}
        schedule.moved_from = schedule_rules.moved_from(
            schedule_id=schedule.pk, start_at=times.start_at
        )
        for name in MOVED:
            setattr(schedule, name, getattr(times, name))
        schedule.save(update_fields=[*MOVED, "moved_from", "updated_at"])
        cover_dates(schedule.concert_id)
        after = {name: getattr(times, name) for name in MOVED}
        activity.record(
            actor=actor,
            act="schedule.move",
            target=schedule,
            old=before,
            new=after,
            reason=reason,
        )
    return schedule
