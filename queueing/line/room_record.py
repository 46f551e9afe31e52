"""What the index says of a room as a whole: how far it follows the table, and what polls tell."""

from dataclasses import asdict
from typing import Any

from queueing.line import client, keys, scripts
from queueing.line.errors import LineUnavailable
from queueing.line.records import FrontRecord, IndexWatermark, RoomSnapshot


def read_watermark(room_id: int) -> IndexWatermark:
    """How far the index follows. Raises LineUnavailable also when there is none to be trusted."""
    room = _read(room_id)
    return IndexWatermark(
        through=int(room[b"through"]),
        inside=int(room[b"inside"]),
        measured_at=int(room[b"measured_at"]),
        freed_lately=float(room[b"freed_lately"]),
        freed_before=float(room[b"freed_before"]),
        measured_for=float(room[b"measured_for"]),
        undrawn=int(room[b"undrawn"]),
        moving_since=int(room[b"moving_since"]),
        server=room[b"server"].decode(),
    )


def read_front(room_id: int) -> FrontRecord:
    """The front of the line. Raises LineUnavailable as read_watermark does."""
    room = _read(room_id)
    seats_left = room.get(b"seats_left")
    return FrontRecord(
        front=None if int(room[b"undrawn"]) else int(room[b"front"]),
        fast=float(room[b"fast"]),
        slow=float(room[b"slow"]),
        seats_left=None if seats_left is None else int(seats_left),
        measured_at=int(room[b"measured_at"]),
    )


def _read(room_id: int) -> dict[bytes, bytes]:
    """The fields of the room. Raises LineUnavailable, also for a room that no index has.

    A Redis that was restarted may have come back with older data; its index is not used.
    """
    with client.reaching_redis() as redis:
        pipeline = redis.pipeline(transaction=False)
        pipeline.hgetall(keys.of_room(room_id).room)
        pipeline.info("server")
        room, server = pipeline.execute()
    if room.get(b"server", b"").decode() != server["run_id"]:
        raise LineUnavailable
    fields: dict[bytes, bytes] = room
    return fields


def write_room(room_id: int, *, snapshot: RoomSnapshot, watermark: IndexWatermark) -> None:
    """Set what polls tell of the room from now on, and how far the index follows."""
    update(room_id, watermark.server, {**asdict(snapshot), **asdict(watermark)})
    with client.reaching_redis() as redis:
        pipeline = redis.pipeline(transaction=False)
        for key in keys.of_room(room_id):
            pipeline.expire(key, keys.UNTENDED_SECONDS)
        pipeline.execute()


def write_seats_left(room_id: int, seats: int) -> None:
    """Set how many seats are left behind the room; without effect when there is no index."""
    update(room_id, "", {"seats_left": seats})


def update(room_id: int, server: str, fields: dict[str, Any]) -> None:
    """Set fields of the room's record, if Redis process ``server`` (any if empty) has one."""
    pairs = [each for field in fields.items() for each in field]
    client.run(scripts.UPDATE_ROOM, [keys.of_room(room_id).room], [server, *pairs])
