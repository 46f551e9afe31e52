"""Writes transitions of seats and their history, in one statement for any number."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial

from django.db import transaction

from accounts.models import User
from concertbook.db.arrays import array
from concertbook.db.rows import Part, Recordset, drop_nulls, write_rows
from concerts.models.seat import Seat
from concerts.seat_index import own_changes


def save_status(
    seats: Sequence[Seat],
    *,
    from_status: str,
    changed_by: User | None,
    reason: str,
    now: dt.datetime,
) -> None:
    """Save one transition of several seats by one person (save_statuses)."""
    changes = [(seat, changed_by) for seat in seats]
    save_statuses(changes, from_status=from_status, reason=reason, now=now)


def save_statuses(
    changes: Sequence[tuple[Seat, User | None]], *, from_status: str, reason: str, now: dt.datetime
) -> None:
    """Save one transition of several seats, each with its user, and the history lines.

    The caller holds the seats' row locks and has made the transition on each instance.
    """
    write_rows(new_statuses(changes, from_status=from_status, reason=reason, now=now))


def new_statuses(
    changes: Sequence[tuple[Seat, User | None]], *, from_status: str, reason: str, now: dt.datetime
) -> "NewStatuses":
    """The rows of save_statuses, as part of a larger statement."""
    for seat, _changed_by in changes:
        seat.version += 1
    noted = [_seat_change(seat, changed_by) for seat, changed_by in changes]
    transaction.on_commit(partial(own_changes.note, noted), robust=True)
    return NewStatuses(changes, from_status, reason, now)


def _seat_change(seat: Seat, changed_by: User | None) -> own_changes.SeatChange:
    state = own_changes.COOLDOWN if seat.available_from else STATES_TO_BUYER[seat.status]
    return own_changes.SeatChange(
        schedule_id=seat.schedule_id,
        user_id=changed_by.pk if changed_by else None,
        # Not read for a change that no buyer made: a sweep leaves it out.
        number=seat.number if changed_by else 0,
        version=seat.version,
        state=state,
    )


STATES_TO_BUYER: dict[str, str] = {
    Seat.Status.AVAILABLE: own_changes.FREE,
    Seat.Status.HELD: own_changes.MINE,
    Seat.Status.RESERVED: own_changes.SOLD,
    Seat.Status.BLOCKED: own_changes.SOLD,
}

MOVED = {
    "seat": "uuid",
    "status": "text",
    "held_by": "uuid",
    "hold_expires_at": "timestamptz",
    "available_from": "timestamptz",
    "changed_by": "uuid",
}


@cache
def _move_seats(given: tuple[str, ...]) -> str:
    """``given`` are the columns of MOVED that are sent; the others are NULL."""
    value = {name: f"given.{name}" if name in given else "NULL" for name in MOVED}
    rows = Recordset("given", **{name: MOVED[name] for name in given})
    # The version that the history's line says is the one that was locked, not the one that was
    # read.
    return f"""
    UPDATE concerts_seat AS seat
    SET status = given.status, held_by_id = {value["held_by"]},
        hold_expires_at = {value["hold_expires_at"]}, available_from = {value["available_from"]},
        blocked_for = '', version = seat.version + 1
    FROM {rows} WHERE seat.id = given.seat AND {rows.by_key}
    RETURNING seat.id, seat.version, seat.status, {value["changed_by"]}::uuid AS changed_by,
        seat.available_from
    """


WRITE_HISTORY = """
INSERT INTO concerts_seatstatushistory
    (seat_id, seq, from_status, to_status, changed_by_id, reason, changed_at, available_from)
SELECT id, version, %s, status, changed_by, %s, %s::timestamptz, available_from FROM moved_seats
"""


@dataclass(frozen=True)
class NewStatuses:
    """A change for write_rows: seats and their history."""

    rows: Sequence[tuple[Seat, User | None]]
    from_status: str
    reason: str
    now: dt.datetime

    def parts(self) -> list[Part]:
        moved = drop_nulls(
            {
                "seat": [seat.pk for seat, _user in self.rows],
                "status": [seat.status for seat, _user in self.rows],
                "held_by": [seat.held_by_id for seat, _user in self.rows],
                "hold_expires_at": [seat.hold_expires_at for seat, _user in self.rows],
                "available_from": [seat.available_from for seat, _user in self.rows],
                "changed_by": [user.pk if user else None for _seat, user in self.rows],
            }
        )
        params = list(map(array, moved.values()))
        line = [str(self.from_status), self.reason, self.now.isoformat()]
        return [
            Part(_move_seats(tuple(moved)), params, "moved_seats"),
            Part(WRITE_HISTORY, line),
        ]
