"""How many seats a user may still hold in a schedule, and why not more."""

import datetime as dt
import uuid
from typing import NamedTuple

from accounts.models import User
from concertbook.db.statements import fetch_row
from concerts.models import ConcertSchedule
from payments.services.buyer_holdings import RECEIVED
from payments.services.releases import release_expired_holds


class FirstHold(NamedTuple):
    """The hold that ends first."""

    expires_at: dt.datetime
    schedule_id: uuid.UUID


class SeatQuota(NamedTuple):
    """``bought`` counts the user's holds and paid seats of the schedule, ``received`` the live
    tickets for it that were handed to the user; both count against its purchase limit.
    ``first_hold`` is of all schedules, if any.
    """

    allowance: int
    bought: int
    received: int
    first_hold: FirstHold | None


def seat_quota(*, user: User, schedule: ConcertSchedule) -> SeatQuota:
    """One statement, unless holds are overdue: they are ended."""
    quota, is_overdue = _read(user, schedule)
    if is_overdue:
        release_expired_holds(user=user)
        quota, _ = _read(user, schedule)
    return quota


def _read(user: User, schedule: ConcertSchedule) -> tuple[SeatQuota, bool]:
    bought, ends_at, ends_in, is_overdue, received = fetch_row(
        """
        WITH live AS (
            SELECT mine.status, mine.schedule_id, mine.expires_at
            FROM payments_reservation AS mine
            WHERE mine.user_id = %(user)s
              AND (mine.status = 'HOLD'
                   OR mine.status = 'CONFIRMED' AND mine.schedule_id = %(schedule)s)
        ), first AS (
            SELECT expires_at, schedule_id FROM live WHERE status = 'HOLD'
            ORDER BY expires_at LIMIT 1
        )
        SELECT (SELECT count(*) FROM live WHERE schedule_id = %(schedule)s),
               (SELECT expires_at FROM first), (SELECT schedule_id FROM first),
               coalesce((SELECT expires_at <= statement_timestamp() FROM first), false),
               coalesce((SELECT received FROM ("""
        + RECEIVED
        + ") AS handed), 0)",
        {"user": user.pk, "users": [user.pk], "schedule": schedule.pk},
    )
    quota = SeatQuota(
        allowance=max(0, schedule.purchase_limit - bought - received),
        bought=bought,
        received=received,
        first_hold=FirstHold(ends_at, ends_in) if ends_at else None,
    )
    return quota, is_overdue
