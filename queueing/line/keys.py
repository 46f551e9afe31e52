"""The names of all Redis keys of the line."""

import uuid
from typing import NamedTuple

# An index that no tick has followed for this many seconds expires.
UNTENDED_SECONDS = 600


class RoomKeys(NamedTuple):
    """The keys of one room's index, in the order in which the scripts expect them.

    - waiting  sorted set  person -> position
    - due      sorted set  position -> when they should have asked again, in ms since 1970
    - asked    hash        position -> when they last asked, in ms, until it is written back
    - inside   hash        person -> "position expires_at", expires_at in ms since 1970
    - room     hash        RoomSnapshot, IndexWatermark, ``front`` and ``seats_left``

    A person is the token's 16 bytes and the user's 16 bytes, so that a token is found only with
    its own user. No one waits at a position before ``front``.
    """

    waiting: str
    due: str
    asked: str
    inside: str
    room: str


def of_room(room_id: int) -> RoomKeys:
    return _keys("line", room_id)


def of_room_being_built(room_id: int) -> RoomKeys:
    return _keys("line:building", room_id)


def _keys(prefix: str, room_id: int) -> RoomKeys:
    return RoomKeys(*(f"{prefix}:{room_id}:{part}" for part in RoomKeys._fields))


def fresh_inside(room_id: int) -> str:
    """``inside`` while it is being replaced; another key each time, as two ticks may do so."""
    return f"{of_room(room_id).inside}:{uuid.uuid4().hex}"


def taken(room_id: int) -> str:
    """``asked`` while it is being written back."""
    return f"{of_room(room_id).asked}:taken"


def polls_of_user(user: uuid.UUID) -> str:
    return f"line:polls:{user.hex}"


def polls_of_address(address: str) -> str:
    return f"line:polls:{address}"


def joins_of_user(user: uuid.UUID) -> str:
    return f"line:joins:{user.hex}"


def joins_of_address(address: str) -> str:
    return f"line:joins:{address}"
