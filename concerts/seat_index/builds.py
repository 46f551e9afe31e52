"""Begin a build of a schedule's snapshot, store its result, and fetch the present one."""

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from concerts.seat_index import keys, scripts
from queueing.line import client


@dataclass(frozen=True)
class Build:
    """A build that has begun: the snapshot will contain all changes up to ``built_for``.

    ``present`` is the id of the snapshot that it will replace, None without one, and ``cursor``
    how far that one had read the database. ``at`` is in ms since 1970.
    """

    epoch: str
    built_for: int
    at: int
    present: str | None
    cursor: str | None


def begin(schedule_id: uuid.UUID) -> Build:
    """To be called before the database is read. Raises LineUnavailable."""
    arguments = [client.SERVER, secrets.token_hex(8)]
    answer = client.run(scripts.BEGIN_BUILD, keys.of_schedule(schedule_id), arguments)
    epoch, built_for, at, present, cursor = answer
    return Build(
        epoch=epoch.decode(),
        built_for=int(built_for),
        at=at,
        present=present.decode() if present else None,
        cursor=cursor.decode() if present else None,
    )


def store(
    schedule_id: uuid.UUID,
    build: Build,
    *,
    id: str,
    cursor: str,
    read_at: int,
    seats: bytes | None,
) -> bool:
    """Let the snapshot be the present one; without ``seats`` its content has not changed.

    False when the index was lost since the build began, or another build was stored. Raises
    LineUnavailable.
    """
    arguments: list[Any] = [client.SERVER, build.epoch, build.present or "", id]
    arguments += [str(build.built_for), str(build.at), cursor, read_at, seats or b""]
    answer = client.run(scripts.STORE, keys.of_schedule(schedule_id), arguments)
    return bool(answer == b"stored")


def fetch(schedule_id: uuid.UUID) -> bytes | None:
    """The stored seats, None without any. Raises LineUnavailable."""
    with client.reaching_redis() as redis:
        seats: bytes | None = redis.hget(keys.of_schedule(schedule_id).snapshot, "seats")
    return seats
