"""Build the index of a room, or drop it."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from queueing.line import client, keys
from queueing.line.members import add_batch, write_inside
from queueing.line.records import Entry, IndexWatermark, RoomSnapshot


def drop_index(room_id: int) -> None:
    """Forget the room: polls ask PostgreSQL until the index is built again."""
    with client.reaching_redis() as redis:
        redis.unlink(*keys.of_room(room_id), keys.taken(room_id))


def build_index(
    room_id: int,
    batches: Iterable[list[Entry]],
    *,
    snapshot: RoomSnapshot,
    watermark: IndexWatermark,
) -> None:
    """Build the index beside the old one and swap it in with one transaction.

    People who wait are expected to poll within the longest time that a poll may be told to wait.
    The caller makes sure that there is one builder at a time.
    """
    live, built = keys.of_room(room_id), keys.of_room_being_built(room_id)
    with client.reaching_redis() as redis:
        redis.unlink(*built)
        _fill(redis, built, batches)
        server = redis.info("server")["run_id"]
        record = {**asdict(snapshot), **asdict(watermark), "server": server, "front": 0}
        redis.hset(built.room, mapping=record)
        _swap(redis, built, live)


def _fill(redis: Any, room: keys.RoomKeys, batches: Iterable[list[Entry]]) -> None:
    for batch in batches:
        waiting = [entry for entry in batch if entry.expires_at is None]
        if waiting:
            add_batch(redis, room, waiting)
        inside = (entry for entry in batch if entry.expires_at is not None)
        write_inside(redis, room.inside, inside)


def _swap(redis: Any, built: keys.RoomKeys, live: keys.RoomKeys) -> None:
    there = {key for key in built if redis.exists(key)}
    pipeline = redis.pipeline(transaction=True)
    for old, new in zip(live, built, strict=True):
        pipeline.unlink(old)
        if new in there:
            pipeline.rename(new, old)
            pipeline.expire(old, keys.UNTENDED_SECONDS)
    pipeline.execute()
