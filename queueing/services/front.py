"""The front of the line: how far people have been let in, the same for all who wait.

A person who knows their position computes from it how far away their turn is, so that a line of any
length can watch one small public file, which a cache serves. They poll for themselves only as a
sign of life (line/poll_interval.py), and when the front has passed their position.
"""

import datetime as dt
import math
from dataclasses import dataclass

from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from queueing.line import room_record
from queueing.line.errors import LineUnavailable
from queueing.line.records import FrontRecord, from_milliseconds
from queueing.models import QueueToken, WaitingRoom
from queueing.services.draw import is_undrawn
from queueing.services.positions import settled_position


@dataclass(frozen=True)
class Front:
    """Everyone before position ``front`` was admitted or has left, as of the tick at ``as_of``.

    ``front`` is None until lots are drawn; ``pace_per_minute`` and ``seats_left`` are None where
    they are not known. ``message`` is what the staff tell all who wait, in the active language.
    """

    state: str
    opens_at: dt.datetime | None
    front: int | None
    pace_per_minute: int | None
    seats_left: int | None
    message: str
    as_of: dt.datetime


def get_front(*, slug: str) -> Front:
    """The front of the room's line, by the index, or by the table without one. Raises NotFound."""
    room = WaitingRoom.objects.published().filter(slug=slug).first()
    if room is None:
        raise NotFound
    try:
        found = room_record.read_front(room.pk)
    except LineUnavailable:
        return _from_table(room)
    # No tick has followed an index that was just built.
    return _from_table(room) if found.front == 0 else _from_index(room, found)


def _from_index(room: WaitingRoom, found: FrontRecord) -> Front:
    return Front(
        # An operator's change is in the table at once, in the index with the next tick.
        state=room.state,
        opens_at=room.opens_at,
        front=found.front,
        pace_per_minute=round(60 * math.sqrt(found.fast * found.slow)),
        seats_left=found.seats_left,
        message=room.message,
        as_of=from_milliseconds(found.measured_at),
    )


def _from_table(room: WaitingRoom) -> Front:
    front = None
    if not is_undrawn(room):
        waiting = QueueToken.objects.waiting().filter(room=room).order_by("position")
        first = waiting.values_list("position", flat=True).first()
        front = first or settled_position(room.pk) + 1
    return Front(
        state=room.state,
        opens_at=room.opens_at,
        front=front,
        pace_per_minute=None,
        seats_left=None,
        message=room.message,
        as_of=database_now(),
    )
