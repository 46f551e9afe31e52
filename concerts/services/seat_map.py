"""Which seats are free, and what changed since."""

import datetime as dt
import re
import uuid
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Func, Q, QuerySet

from accounts.models import User
from concerts.models import ConcertSchedule, Seat, SeatStatusHistory
from concerts.services.programme import get_schedule
from queueing.services.gate import require_admission

SEAT_FIELDS = ("number", "label", "section", "row", "seat_in_row", "grade", "price")
# No change that can be seen is of a later one: others' that are done, or our own.
LATEST_TRANSACTION = Func(
    template="greatest(pg_snapshot_xmax(pg_current_snapshot()),"
    " pg_current_xact_id_if_assigned())::text::bigint",
    output_field=BigIntegerField(),
)
# Eighteen digits of transactions and a dozen of milliseconds outlive us all.
CURSOR = re.compile(r"([0-9]{1,18})\.([0-9]{1,13})")


@dataclass(frozen=True)
class Cursor:
    """A moment of a seat map: the oldest transaction then running, and the time (ms since 1970)."""

    transaction: int
    at: int

    @classmethod
    def parse(cls, text: str) -> "Cursor":
        """Raises ValueError."""
        match = CURSOR.fullmatch(text)
        if match is None:
            raise ValueError(text)
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.transaction}.{self.at}"


@dataclass(frozen=True)
class SeatMap:
    """Ask for what changed since ``cursor`` to keep the map up to date."""

    cursor: Cursor
    seats: list[dict[str, Any]]


def seat_map(
    *,
    user: User,
    schedule_id: uuid.UUID,
    token: uuid.UUID | None = None,
    since: Cursor | None = None,
) -> SeatMap:
    """All seats, or those that changed since a cursor, for somebody who was let in.

    A seat that is new or was edited has changed, too. One that changed right at the cursor may
    come twice, none is ever left out: the cursor is read before the seats. A cursor of the future
    (a database restored from a dump) gets all seats. Raises NotFound, ScheduleCancelled,
    QueueNotAdmitted.
    """
    schedule = get_schedule(schedule_id, viewer=user)
    schedule.require_not_cancelled()
    require_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
    now = _current_cursor()
    seats = schedule.seats.with_offer().order_by("number")
    if since is not None and since.transaction <= now.transaction:
        seats = seats.filter(pk__in=_changed_since(schedule, since).values("pk"))
    return SeatMap(
        cursor=now,
        seats=[_as_offered(seat) for seat in seats.values(*SEAT_FIELDS, "offer")],
    )


def _as_offered(seat: dict[str, Any]) -> dict[str, Any]:
    seat["status"] = seat.pop("offer")
    return seat


def _current_cursor() -> Cursor:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint,"
            " (extract(epoch FROM clock_timestamp()) * 1000)::bigint"
        )
        return Cursor(*cursor.fetchone())


def _changed_since(schedule: ConcertSchedule, since: Cursor) -> QuerySet[Seat]:
    """Seats with a change or an edit that was not committed yet then, or that have rested since."""
    # Later ones are of the cluster that a dump was taken from, and no changes of this one.
    lately = (since.transaction, LATEST_TRANSACTION)
    changed = SeatStatusHistory.objects.filter(xid__range=lately)
    edited = Q(edit_xid__range=lately)
    rested = Q(available_from__gte=dt.datetime.fromtimestamp(since.at / 1000, dt.UTC))
    return schedule.seats.filter(edited | rested | Q(pk__in=changed.values("seat")))
