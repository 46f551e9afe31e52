"""A buyer's holdings in a sale, and released holds in all sales, for the rules of a hold."""

import datetime as dt
import json
import math
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS

from concertbook.db.arrays import any_of, array, hidden_from_planner
from concertbook.db.statements import fetch_first
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat
from payments.errors import CompanionNeedsWheelchair, GivenUpTooOften, PurchaseLimitExceeded

HOARDING_WINDOW = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Sale:
    """One schedule's rules and the database's clock, read in one statement."""

    now: dt.datetime
    room_id: int
    schedule: ConcertSchedule


@dataclass(frozen=True)
class BuyerHoldings:
    """One user's holdings in a schedule, and released holds in all, at the sale's time.

    ``kinds`` has the kind of each seat in the filled slots, ``received`` counts the live tickets
    that were handed to the user.
    """

    filled_slots: Sequence[int] = ()
    first_hold_ends: dt.datetime | None = None
    given_up: int = 0
    first_given_up: dt.datetime | None = None
    kinds: Sequence[str] = ()
    received: int = 0

    def has_overdue(self, now: dt.datetime) -> bool:
        return self.first_hold_ends is not None and self.first_hold_ends <= now

    def require_no_hoarding(self, now: dt.datetime) -> None:
        """Raises GivenUpTooOften for a user who released too many holds."""
        if self.given_up >= settings.GIVEN_UP_PER_HOUR and self.first_given_up:
            again = self.first_given_up + HOARDING_WINDOW - now
            raise GivenUpTooOften(retry_after=max(1, math.ceil(again.total_seconds())))

    def free_slots(self, count: int, *, limit: int) -> list[int]:
        """The first free slots up to the limit. Raises PurchaseLimitExceeded."""
        if len(self.filled_slots) + self.received + count > limit:
            raise PurchaseLimitExceeded(limit=limit)
        free = (slot for slot in range(1, limit + 1) if slot not in self.filled_slots)
        return list(islice(free, count))

    def require_wheelchair(self, wanted: Sequence[str]) -> None:
        """Raises CompanionNeedsWheelchair if seats of the wanted kinds would give the user more
        companion seats than wheelchair seats.

        Only a hold of companion seats is refused: a wheelchair seat may be given back alone.
        """
        kinds = Counter((*self.kinds, *wanted))
        spare = kinds[Seat.Kind.WHEELCHAIR] - kinds[Seat.Kind.COMPANION]
        if Seat.Kind.COMPANION in wanted and spare < 0:
            raise CompanionNeedsWheelchair


# The columns of a Sale, in their order.
RULES = ["id", "concert_id", "purchase_limit", "reserve_from", "reserve_until", "cancelled_at"]
NO_HOLDINGS = BuyerHoldings()
ANY_USER = any_of("%(users)s", "uuid")
SCHEDULE = hidden_from_planner("%(schedule)s", "uuid")
# The live tickets of a schedule that were handed to users, for a statement with %(users)s and
# %(schedule)s. OFFSET 0 lets the planner begin with the users' offers only: whatever it believes
# of tables that were analysed while empty, it never reads all tickets or reservations.
RECEIVED = f"""
    SELECT offer.receiver_id AS user_id, count(DISTINCT ticket.id) AS received
    FROM payments_ticketoffer AS offer
    CROSS JOIN LATERAL (
        SELECT id, user_id, reservation_id, status FROM payments_ticket
        WHERE id = offer.ticket_id OFFSET 0
    ) AS ticket
    CROSS JOIN LATERAL (
        SELECT user_id, schedule_id FROM payments_reservation
        WHERE id = ticket.reservation_id OFFSET 0
    ) AS bought
    WHERE offer.receiver_id = {ANY_USER}
      AND ticket.user_id = offer.receiver_id AND bought.user_id <> ticket.user_id
      AND ticket.status IN ('ISSUED', 'USED') AND bought.schedule_id = {SCHEDULE}
    GROUP BY offer.receiver_id
"""


def read_holdings(
    schedule_id: uuid.UUID, user_ids: Sequence[uuid.UUID]
) -> tuple[Sale, dict[uuid.UUID, BuyerHoldings]]:
    """Read the sale, and the holdings of those of these users who have any; one statement.

    To be read after the last lock: an operator may have changed the sale while the caller waited.
    The caller holds the locks on the users' tokens, so that no other hold of theirs fills a slot
    meanwhile. Raises NotFound for an unknown schedule.
    """
    row = fetch_first(
        f"""
        WITH moment AS MATERIALIZED (
            SELECT clock_timestamp() AS now
        ), mine AS (
            SELECT user_id, seat_id, slot, status, created_at, expires_at,
                   status IN ('HOLD', 'CONFIRMED') AND schedule_id = {SCHEDULE} AS live,
                   -- What is overdue is given up, whether it has been swept or not.
                   (status IN ('EXPIRED', 'CANCELLED')
                        OR status = 'HOLD' AND expires_at <= now)
                       AND confirmed_at IS NULL AND created_at > since AS given_up
            FROM payments_reservation,
                 (SELECT now, now - make_interval(secs => %(window)s) FROM moment)
                     AS hour (now, since)
            WHERE user_id = {ANY_USER}
              AND (created_at > since
                   OR schedule_id = {SCHEDULE} AND status IN ('HOLD', 'CONFIRMED'))
        ), had AS (
            SELECT user_id,
                   coalesce(array_agg(slot) FILTER (WHERE live), '{{}}') AS filled_slots,
                   coalesce(array_agg((SELECT kind FROM concerts_seat WHERE id = seat_id))
                            FILTER (WHERE live), '{{}}') AS kinds,
                   min(expires_at) FILTER (WHERE live AND status = 'HOLD') AS first_hold_ends,
                   count(slot) FILTER (WHERE given_up) AS given_up,
                   min(created_at) FILTER (WHERE given_up) AS first_given_up
            FROM mine GROUP BY user_id
        ), received AS (
            {RECEIVED}
        )
        SELECT moment.now, (SELECT json_agg(had)::text FROM had),
               (SELECT json_object_agg(user_id, received)::text FROM received),
               concert.waiting_room_id, schedule.id, concert.id, schedule.purchase_limit,
               schedule.reserve_from, schedule.reserve_until, schedule.cancelled_at
        FROM moment, concerts_concertschedule AS schedule
        JOIN concerts_concert AS concert ON concert.id = schedule.concert_id
        WHERE schedule.id = {SCHEDULE}
        """,
        {
            "users": array(user_ids),
            "schedule": schedule_id,
            "window": HOARDING_WINDOW.total_seconds(),
        },
    )
    if row is None:
        raise NotFound
    now, had, received, room_id, *rules = row
    schedule = ConcertSchedule.from_db(DEFAULT_DB_ALIAS, RULES, rules)
    holdings = dict(map(_holdings, json.loads(had or "[]")))
    for user_id, count in json.loads(received or "{}").items():
        user = uuid.UUID(user_id)
        holdings[user] = replace(holdings.get(user, NO_HOLDINGS), received=count)
    return Sale(now, room_id, schedule), holdings


def _holdings(had: dict[str, Any]) -> tuple[uuid.UUID, BuyerHoldings]:
    return uuid.UUID(had["user_id"]), BuyerHoldings(
        filled_slots=had["filled_slots"],
        kinds=had["kinds"],
        first_hold_ends=_moment(had["first_hold_ends"]),
        given_up=had["given_up"],
        first_given_up=_moment(had["first_given_up"]),
    )


def _moment(text: str | None) -> dt.datetime | None:
    return dt.datetime.fromisoformat(text) if text else None
