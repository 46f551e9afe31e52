"""What a poll answers: the position, and the wait that it means."""

import datetime as dt
import time
import uuid
from dataclasses import dataclass

from queueing.line.records import QueueStatus, from_milliseconds
from queueing.models import QueueToken, WaitingRoom
from queueing.services import forecast

State = WaitingRoom.State
Status = QueueToken.Status


@dataclass(frozen=True)
class QueuePosition:
    """A user's position in a room's line. Waits are in seconds: a range and its middle.

    ``seats_left`` is None where the line has not been told how many are left. So many as are
    ``free`` could have been let in when the line moved last.
    """

    token: uuid.UUID
    room: str
    room_state: str
    status: str
    position: int
    ahead: int
    estimated_wait_seconds: int
    estimated_wait_from_seconds: int
    estimated_wait_until_seconds: int
    seats_left: int | None
    poll_after_seconds: int
    expires_at: dt.datetime | None
    free: int

    @property
    def is_admitted(self) -> bool:
        return self.status == Status.ACTIVE


def position_of(token: uuid.UUID, found: QueueStatus) -> QueuePosition:
    status, wait = _status(found), _wait(found)
    return QueuePosition(
        token=token,
        room=found.room.slug,
        room_state=found.room.state,
        status=status,
        position=found.position,
        ahead=found.ahead,
        estimated_wait_seconds=wait.likely,
        estimated_wait_from_seconds=wait.fastest,
        estimated_wait_until_seconds=wait.slowest,
        seats_left=found.seats_left,
        poll_after_seconds=found.poll_after,
        expires_at=None if found.expires_at is None else from_milliseconds(found.expires_at),
        free=found.room.free,
    )


def _status(found: QueueStatus) -> Status:
    if found.over:
        return Status.EXPIRED
    return Status.WAITING if found.expires_at is None else Status.ACTIVE


def _wait(found: QueueStatus) -> forecast.Wait:
    if _status(found) != Status.WAITING:
        return forecast.NO_WAIT
    room = found.room
    opens_in = room.opens_at / 1000 - time.time() if room.state == State.SCHEDULED else 0
    return forecast.wait(ahead=found.ahead, fast=room.fast, slow=room.slow, opens_in=opens_in)
