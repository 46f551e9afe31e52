"""Who is in the index: people join, are admitted, and leave."""

from collections.abc import Iterable
from typing import Any

from queueing.line import client, keys, room_record, scripts
from queueing.line.batches import BATCH, batches
from queueing.line.poll_interval import LATEST_POLL
from queueing.line.records import Entry


def add(room_id: int, entries: Iterable[Entry]) -> None:
    """Put people who wait into the line; a person who is in it already keeps the due time."""
    room = keys.of_room(room_id)
    with client.reaching_redis() as redis:
        for batch in batches(entries):
            add_batch(redis, room, batch)


def add_batch(redis: Any, room: keys.RoomKeys, batch: list[Entry]) -> None:
    now, _micros = redis.time()
    latest = (now + LATEST_POLL) * 1000
    pipeline = redis.pipeline(transaction=False)
    pipeline.zadd(room.waiting, {entry.person: entry.position for entry in batch})
    pipeline.zadd(room.due, dict.fromkeys((entry.position for entry in batch), latest), nx=True)
    pipeline.expire(room.waiting, keys.UNTENDED_SECONDS)
    pipeline.expire(room.due, keys.UNTENDED_SECONDS)
    pipeline.execute()


def admit(room_id: int, entries: Iterable[Entry], *, front: int, server: str) -> None:
    """Note these as inside, and take all people before position ``front`` out of the line."""
    room = keys.of_room(room_id)
    with client.reaching_redis() as redis:
        write_inside(redis, room.inside, entries)
    room_record.update(room_id, server, {"front": front})
    while client.run(scripts.REMOVE_BEFORE, room[:3], [front, BATCH]) == BATCH:
        pass


def write_inside(redis: Any, inside: str, entries: Iterable[Entry]) -> None:
    for batch in batches(entries):
        redis.hset(inside, mapping={entry.person: entry.admission for entry in batch})
        redis.expire(inside, keys.UNTENDED_SECONDS)


def remove(room_id: int, entries: Iterable[Entry]) -> None:
    """Remove people who neither wait nor are inside any more."""
    room = keys.of_room(room_id)
    with client.reaching_redis() as redis:
        for batch in batches(entries):
            people = [entry.person for entry in batch]
            positions = [entry.position for entry in batch]
            pipeline = redis.pipeline(transaction=True)
            pipeline.zrem(room.waiting, *people)
            pipeline.zrem(room.due, *positions)
            pipeline.hdel(room.asked, *map(str, positions))
            pipeline.hdel(room.inside, *people)
            pipeline.execute()
