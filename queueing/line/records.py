"""What is written to the index and read from it. Times are in ms since 1970."""

import datetime as dt
import uuid
from dataclasses import dataclass

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)


def to_milliseconds(moment: dt.datetime) -> int:
    """Whole milliseconds since 1970, rounded down."""
    return (moment - EPOCH) // dt.timedelta(milliseconds=1)


def from_milliseconds(milliseconds: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(milliseconds / 1000, dt.UTC)


def person_of(token: uuid.UUID, user: uuid.UUID) -> bytes:
    """The member of the index that stands for this token of this user."""
    return token.bytes + user.bytes


@dataclass(frozen=True)
class Entry:
    """One person as the table knows them; ``expires_at`` is None while they wait."""

    person: bytes
    position: int
    expires_at: int | None = None

    @property
    def admission(self) -> str:
        return f"{self.position} {self.expires_at}"


@dataclass(frozen=True)
class RoomSnapshot:
    """What a poll must know of a room, as of the last tick.

    ``fast`` and ``slow`` bound the pace at which people are admitted, in people a second.
    ``opens_at`` is 0 for a room without an opening. So many more as are ``free`` could have been
    let in at once.
    """

    slug: str
    state: str
    opens_at: int
    fast: float
    slow: float
    free: int


@dataclass(frozen=True)
class IndexWatermark:
    """How far the index follows the table, as of the last tick.

    Every join up to position ``through`` is known to be in the index. ``inside`` people were
    inside at ``measured_at``; places inside came free at ``freed_lately`` and ``freed_before``
    people a second, averaged over half a minute and over five, of the ``measured_for`` seconds
    that the room was full and moved. ``undrawn`` is 1 until a room that shuffles has drawn its
    lots. The line moves since ``moving_since`` (0 while it stands). ``server`` is the run_id of
    the Redis process that has the index.
    """

    through: int
    inside: int
    measured_at: int
    freed_lately: float
    freed_before: float
    measured_for: float
    undrawn: int
    moving_since: int
    server: str = ""


@dataclass(frozen=True)
class FrontRecord:
    """The front of the line as of the tick at ``measured_at``.

    ``front`` is the first position that waits, None until lots are drawn.
    """

    front: int | None
    fast: float
    slow: float
    seats_left: int | None
    measured_at: int


@dataclass(frozen=True)
class QueueStatus:
    """What a poll finds. ``expires_at`` is None while waiting; ``poll_after`` is in seconds.

    ``over`` for a person in the line of a room that was closed.
    """

    position: int
    ahead: int
    expires_at: int | None
    poll_after: int
    room: RoomSnapshot
    seats_left: int | None
    over: bool = False
