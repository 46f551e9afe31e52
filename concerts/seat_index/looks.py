"""Ask which snapshot is the present one: what every reader does first, in one round trip."""

import uuid
from dataclasses import dataclass
from typing import Any

from concerts.seat_index import keys, scripts
from queueing.line import client
from queueing.line.errors import AskedTooOften, UnknownPerson, UnknownSession
from queueing.line.keys import of_room
from queueing.line.records import person_of

# Ages of a snapshot in ms: rebuilt if a seat changed; rebuilt anyway, as holds end and a process
# may die before it notes its commit; not used.
REBUILT_IF_CHANGED = 250
REBUILT = 1000
TOO_OLD = 3000


@dataclass(frozen=True)
class OwnChange:
    """The reader's last change of a seat. ``state`` is one of own_changes.STATES."""

    number: int
    version: int
    state: str


@dataclass(frozen=True)
class Person:
    """A reader who is to be checked by the line's index; ``session`` is a key of the cache, and
    ``counter`` the key that counts the user's requests, up to ``requests``."""

    room_id: int
    token: uuid.UUID
    session: str
    counter: str
    requests: int


@dataclass(frozen=True)
class Look:
    """``id`` is the present snapshot's, None without one. It was read at ``read_at`` by the
    database's clock, in ms since 1970, at most ``age`` ms ago. ``builds`` when it is this reader's
    turn to build the next."""

    id: str | None
    read_at: int
    age: int
    builds: bool
    held_lately: bool
    own: tuple[OwnChange, ...]


def look(schedule_id: uuid.UUID, user_id: uuid.UUID, person: Person | None = None) -> Look:
    """One round trip. Without ``person`` the caller has checked that the user may look.

    Raises UnknownSession; UnknownPerson for a token that is not inside, or without an index of the
    room; AskedTooOften; LineUnavailable without Redis.
    """
    script_keys = [
        *keys.of_schedule(schedule_id),
        keys.own_changes(schedule_id, user_id),
        keys.held_lately(user_id),
    ]
    arguments: list[Any] = [client.SERVER, REBUILT_IF_CHANGED, REBUILT, TOO_OLD]
    if person is not None:
        room = of_room(person.room_id)
        script_keys += [room.inside, room.room, person.session, person.counter]
        arguments += [str(user_id), person_of(person.token, user_id), person.requests]
    return _read(client.run(scripts.LOOK, script_keys, arguments))


def _read(answer: list[Any]) -> Look:
    kind, *rest = answer
    if kind == b"stranger":
        raise UnknownSession
    if kind == b"outside":
        raise UnknownPerson
    if kind == b"often":
        raise AskedTooOften(rest[0])
    id, built_at, now, builds, held_lately, own, read_at = rest
    return Look(
        id=id.decode() if id else None,
        read_at=int(read_at) if id else 0,
        age=now - int(built_at) if id else 0,
        builds=bool(builds),
        held_lately=bool(held_lately),
        own=tuple(_own(*pair) for pair in zip(own[::2], own[1::2], strict=True)),
    )


def _own(number: bytes, note: bytes) -> OwnChange:
    version, state = note.decode().split()
    return OwnChange(int(number), int(version), state)
