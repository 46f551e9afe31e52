"""Answer a poll, or refuse one that comes too often."""

import random
import uuid
from typing import Any

from queueing.line import client, keys, scripts
from queueing.line.config import settings
from queueing.line.errors import AskedTooOften, LineUnavailable, UnknownPerson, UnknownSession
from queueing.line.records import QueueStatus, RoomSnapshot, person_of


def poll(
    room_id: int,
    token: uuid.UUID,
    user: uuid.UUID,
    *,
    address: str,
    session: str | None = None,
    watches_front: bool = False,
    position: int = 0,
) -> QueueStatus:
    """Where this person stands; notes that they asked. One round trip.

    With ``session``, a key of the cache, only while the cache has it and it is the user's. A client
    that ``watches_front`` is told to poll as a sign of life only (poll_interval.HEARTBEAT). With
    ``position`` a person whose join has committed with that number is put into the index, which
    is not counted as a poll. Raises AskedTooOften, UnknownPerson, UnknownSession, and
    LineUnavailable also when there is no index of the room.
    """
    of_room = keys.of_room(room_id)
    script_keys = [*of_room, keys.polls_of_user(user), keys.polls_of_address(address)]
    if session is not None:
        script_keys.append(session)
    limits = settings.POLLS_PER_USER, settings.POLLS_PER_ADDRESS
    person, chance = person_of(token, user), repr(random.random())
    watches = "1" if watches_front else ""
    arguments = [person, chance, *limits, client.SERVER, str(user), watches]
    if position:
        arguments.append(position)
    return read_status(client.run(scripts.POLL, script_keys, arguments))


def read_status(answer: list[Any]) -> QueueStatus:
    """What an answer of poll.lua says. Raises as poll does."""
    kind = answer[0]
    if kind in (b"waiting", b"inside", b"over"):
        _kind, position, ahead, expires_at, after, room = answer
        *snapshot, _undrawn, seats_left, _server = room
        return QueueStatus(
            position=int(float(position)),
            ahead=ahead,
            expires_at=None if expires_at is None else int(expires_at),
            poll_after=after,
            room=_read_snapshot(*snapshot),
            seats_left=None if seats_left is None else int(seats_left),
            over=kind == b"over",
        )
    if kind == b"often":
        raise AskedTooOften(answer[1])
    if kind == b"stranger":
        raise UnknownSession
    if kind == b"unknown":
        raise UnknownPerson
    raise LineUnavailable


def _read_snapshot(
    slug: bytes, state: bytes, opens_at: bytes, fast: bytes, slow: bytes, free: bytes | None
) -> RoomSnapshot:
    return RoomSnapshot(
        slug=slug.decode(),
        state=state.decode(),
        opens_at=int(opens_at),
        fast=float(fast),
        slow=float(slow),
        # None in an index of before there was this field.
        free=int(free or 0),
    )
