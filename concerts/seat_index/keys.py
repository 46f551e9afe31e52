"""The names of all Redis keys of the seat states."""

import uuid
from typing import NamedTuple


class ScheduleKeys(NamedTuple):
    """The keys of one schedule, in the order in which the scripts expect them.

    - snapshot  hash   id, epoch, built_for (change number), built_at (ms by the clock of Redis),
                       cursor, read_at (ms by the clock of the database), seats
    - epoch     text   see the package
    - changes   text   the number of the last change: microseconds since 1970, or one more
    - builder   text   exists while a process builds
    """

    snapshot: str
    epoch: str
    changes: str
    builder: str


def of_schedule(schedule_id: uuid.UUID) -> ScheduleKeys:
    return ScheduleKeys(*(f"seats:{schedule_id.hex}:{part}" for part in ScheduleKeys._fields))


def own_changes(schedule_id: uuid.UUID, user_id: uuid.UUID) -> str:
    """Hash of a user's own latest changes: seat number -> "version state"."""
    return f"seats:{schedule_id.hex}:own:{user_id.hex}"


def held_lately(user_id: uuid.UUID) -> str:
    """Exists for an hour after a hold of this user, in any schedule."""
    return f"seats:held:{user_id.hex}"
