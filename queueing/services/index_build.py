"""Build the index of a room from the table, if it has none that can be trusted."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from django.db import transaction
from django.db.models import Max

from concertbook.db.clock import database_now
from concertbook.db.statements import execute, fetch_chunks, fetch_row
from queueing.line import members, room_record
from queueing.line.batches import BATCH
from queueing.line.build import build_index, drop_index
from queueing.line.errors import LineUnavailable
from queueing.line.records import Entry, to_milliseconds
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services.draw import is_undrawn
from queueing.services.entries import entry_of
from queueing.services.positions import settled_position
from queueing.services.snapshots import UNMEASURED, snapshot_of

logger = logging.getLogger(__name__)

# History is not numbered in the order of its commits: look so many numbers back again.
UNSETTLED_HISTORY = 5000


def build_missing() -> int:
    """Build the index of every room that has none to be trusted; returns how many were built."""
    built = 0
    for room in WaitingRoom.objects.live():
        try:
            room_record.read_watermark(room.pk)
        except LineUnavailable:
            built += _build_or_log(room)
    return built


def _build_or_log(room: WaitingRoom) -> bool:
    try:
        return build(room)
    except LineUnavailable:
        logger.warning("The index of room %s cannot be built: Redis is out of reach", room.pk)
    except Exception:
        # The other rooms are built all the same.
        logger.exception("The index of room %s cannot be built", room.pk)
    return False


def build(room: WaitingRoom) -> bool:
    """Build the room's index from the table. False when another process is just building it.

    People who join meanwhile are added by the next tick; those who leave are removed at the end.
    """
    with _only_builder(room.pk) as alone:
        if not alone:
            return False
        drop_index(room.pk)
        settled = settled_position(room.pk)
        before = QueueEntryHistory.objects.aggregate(last=Max("pk"))["last"] or 0
        inside = QueueToken.objects.active().filter(room=room).count()
        now = to_milliseconds(database_now())
        watermark = replace(
            UNMEASURED,
            through=settled,
            inside=inside,
            measured_at=now,
            undrawn=int(is_undrawn(room)),
            moving_since=now if room.is_moving else 0,
        )
        snapshot = snapshot_of(room, watermark, full=inside >= room.capacity)
        with transaction.atomic(durable=True):
            build_index(room.pk, _people(room), snapshot=snapshot, watermark=watermark)
        left = QueueEntryHistory.objects.filter(pk__gt=before - UNSETTLED_HISTORY)
        gone = QueueToken.objects.filter(room=room, entry__in=left)
        members.remove(room.pk, map(entry_of, gone.iterator()))
    return True


@contextmanager
def _only_builder(room_id: int) -> Iterator[bool]:
    """Alone among all builders of a room's index, for as long as this connection lives."""
    name = [f"the index of room {room_id}"]
    (alone,) = fetch_row("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)
    try:
        yield alone
    finally:
        if alone:
            execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)


def _people(room: WaitingRoom) -> Iterator[list[Entry]]:
    """All who wait or are inside, in batches; a million model instances would take long."""
    chunks = fetch_chunks(
        """
        SELECT uuid_send(token) || uuid_send(user_id), position,
               CASE status WHEN 'ACTIVE' THEN floor(extract(epoch FROM expires_at) * 1000) END
        FROM queueing_queuetoken WHERE room_id = %s AND status <> 'EXPIRED'
        """,
        [room.pk],
        size=BATCH,
    )
    for rows in chunks:
        yield [
            Entry(bytes(person), position, None if until is None else int(until))
            for person, position, until in rows
        ]
