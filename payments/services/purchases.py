"""How far a buyer's purchase is: choosing seats, paying those that are held, or just over."""

import datetime as dt
import uuid
from dataclasses import dataclass

from accounts.models import User
from concertbook.db.clock import seconds_until
from concertbook.db.statements import fetch_row

SEATS, PAYMENT = "seats", "payment"
HOLD, ADMISSION = "hold", "admission"
# An end that is longer ago is no news.
RECENT = dt.timedelta(minutes=15)
# Longer than a hold lasts, with its extension.
HELD_WITHIN = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Purchase:
    """``step`` is SEATS while an admission runs, PAYMENT while a hold does, else empty.

    It lasts until ``ends_at``, ``seconds_left`` from now by the database's clock. ``ended`` is what
    ran out lately before it was used, HOLD or ADMISSION, else empty. ``schedule_id`` is None where
    there is no date to choose seats for.
    """

    step: str = ""
    schedule_id: uuid.UUID | None = None
    ends_at: dt.datetime | None = None
    seconds_left: int = 0
    ended: str = ""

    @property
    def state(self) -> str:
        """What the bar shows: the step, the end, or ``seats_again`` for both."""
        return f"{self.step}_again" if self.step and self.ended else self.step or self.ended


def purchase_until(
    ends_at: dt.datetime | None, now: dt.datetime, *, step: str, schedule_id: uuid.UUID
) -> Purchase:
    """A purchase of which the caller has read the admission or the hold, at the database's time."""
    return Purchase(step, schedule_id, ends_at, seconds_until(ends_at, now))


def find_purchase(*, user: User, schedule_id: uuid.UUID | None = None) -> Purchase | None:
    """The user's purchase; None where none runs and none ran out lately. One statement.

    A room lets in to all its dates: ``schedule_id`` is the one to choose seats for, if it is of the
    room, else the next one that is on sale.
    """
    now, held_for, held_until, inside_for, inside_until, lost, timed_out = fetch_row(
        PURCHASE,
        {"user": user.pk, "schedule": schedule_id, "recent": RECENT, "held_within": HELD_WITHIN},
    )
    if held_until:
        return purchase_until(held_until, now, step=PAYMENT, schedule_id=held_for)
    ended = HOLD if lost else ADMISSION if timed_out else ""
    if inside_until:
        seconds = seconds_until(inside_until, now)
        return Purchase(SEATS, inside_for or lost, inside_until, seconds, HOLD if lost else "")
    return Purchase(schedule_id=lost or schedule_id, ended=ended) if ended else None


# What is bought of a schedule after a hold has run out is no loss to be told of.
PURCHASE = """
WITH clock AS MATERIALIZED (
    SELECT statement_timestamp() AS now
), mine AS MATERIALIZED (
    SELECT schedule_id, status, expires_at, confirmed_at, expires_at > now AS runs
    FROM payments_reservation, clock
    WHERE user_id = %(user)s AND created_at > now - %(held_within)s
), hold AS (
    SELECT schedule_id, expires_at FROM mine
    WHERE status = 'HOLD' AND runs ORDER BY expires_at LIMIT 1
), lost AS (
    SELECT schedule_id FROM mine AS over, clock
    WHERE (status = 'EXPIRED' OR status = 'HOLD' AND NOT runs)
      AND expires_at BETWEEN now - %(recent)s AND now
      AND NOT EXISTS (
        SELECT FROM mine
        WHERE mine.schedule_id = over.schedule_id AND mine.confirmed_at > over.expires_at
      )
    ORDER BY expires_at DESC LIMIT 1
), inside AS (
    SELECT token.expires_at, dates.id AS schedule_id
    FROM clock, queueing_queuetoken AS token
    LEFT JOIN LATERAL (
        SELECT schedule.id
        FROM concerts_concert AS concert
        JOIN concerts_concertschedule AS schedule ON schedule.concert_id = concert.id
        WHERE concert.waiting_room_id = token.room_id AND schedule.cancelled_at IS NULL
          AND schedule.reserve_until > statement_timestamp()
        ORDER BY coalesce(schedule.id = %(schedule)s::uuid, false) DESC, schedule.start_at
        LIMIT 1
    ) AS dates ON true
    WHERE token.user_id = %(user)s AND token.status = 'ACTIVE' AND token.expires_at > now
    ORDER BY coalesce(dates.id = %(schedule)s::uuid, false) DESC, token.expires_at DESC LIMIT 1
), timed_out AS (
    SELECT true AS is_so
    FROM clock, (
        SELECT exited_at, outcome FROM queueing_queueentryhistory
        WHERE user_id = %(user)s ORDER BY id DESC LIMIT 1
    ) AS last
    WHERE last.outcome = 'TIMED_OUT' AND last.exited_at > now - %(recent)s
)
SELECT now, hold.schedule_id, hold.expires_at, inside.schedule_id, inside.expires_at,
       lost.schedule_id, timed_out.is_so
FROM clock
LEFT JOIN hold ON true LEFT JOIN inside ON true LEFT JOIN lost ON true LEFT JOIN timed_out ON true
"""
