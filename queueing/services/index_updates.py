"""Tell the index what a tick or a departure has committed."""

import datetime as dt
import logging
from collections.abc import Sequence
from dataclasses import replace

from concertbook.db.statements import fetch_row
from queueing.line import last_requests, members, repair, room_record
from queueing.line.build import drop_index
from queueing.line.errors import LineUnavailable
from queueing.line.records import Entry, IndexWatermark
from queueing.models import QueueToken, WaitingRoom
from queueing.services.draw import is_undrawn
from queueing.services.entries import entry_of, waiting_entry
from queueing.services.snapshots import measure, snapshot_of

logger = logging.getLogger(__name__)

# Positions that one tick compares, so that none takes long after many were missed.
COMPARED = 20_000


def read_watermark(room_id: int) -> IndexWatermark | None:
    """How far the index has followed; None when there is none to follow with."""
    try:
        return room_record.read_watermark(room_id)
    except LineUnavailable:
        return None


def follow(
    room: WaitingRoom,
    watermark: IndexWatermark,
    *,
    settled: int,
    now: dt.datetime,
    full: bool,
    free: int,
    admitted: Sequence[Entry],
    ended: Sequence[Entry],
    silent: Sequence[int],
) -> None:
    """Let the index follow what a tick has committed.

    It is told what is true now rather than what changed, which also makes good what an earlier
    tick that died has not told it. If Redis cannot be reached, the next tick or the builder does
    it. ``full`` when the places inside set the pace, not the limit per minute; ``free`` is how many
    more could be let in.
    """
    through = min(settled, watermark.through + COMPARED)
    try:
        if watermark.undrawn and not is_undrawn(room):
            # Lots were drawn, so the order is another now: the builder makes the index anew.
            drop_index(room.pk)
            return
        # In a closed room polls tell the people in the index that it is over.
        if room.state != WaitingRoom.State.CLOSED:
            front = _first_waiting(room, settled)
            members.admit(room.pk, admitted, front=front, server=watermark.server)
            members.remove(room.pk, ended)
            _add_newcomers(room, watermark.through, through)
            _forget_silent(room, silent)
        inside = _agree_on_inside(room)
        measured = measure(
            room, watermark, now=now, inside=inside, admitted=len(admitted), full=full
        )
        watermark = replace(measured, through=through)
        snapshot = snapshot_of(room, watermark, full=full, free=free)
        room_record.write_room(room.pk, snapshot=snapshot, watermark=watermark)
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room.pk)


def follow_admissions(
    room: WaitingRoom,
    watermark: IndexWatermark,
    *,
    settled: int,
    free: int,
    admitted: Sequence[Entry],
    ended: Sequence[Entry],
) -> None:
    """Let the index follow what the tick of a web request has committed, and no more.

    Such ticks come many at a time, in several processes: one that compared the index with the table
    would find missing what another has yet to tell. The next tick of the beat compares.
    """
    if watermark.undrawn or room.state == WaitingRoom.State.CLOSED:
        return
    try:
        front = _first_waiting(room, settled)
        members.admit(room.pk, admitted, front=front, server=watermark.server)
        members.remove(room.pk, ended)
        inside = watermark.inside + len(admitted)
        room_record.update(room.pk, watermark.server, {"free": free, "inside": inside})
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room.pk)


def _first_waiting(room: WaitingRoom, settled: int) -> int:
    """The position of the first who waits, or the one after all settled ones."""
    (position,) = fetch_row(
        "SELECT min(position) FROM queueing_queuetoken WHERE room_id = %s AND is_waiting",
        [room.pk],
    )
    return position or settled + 1


def _add_newcomers(room: WaitingRoom, after: int, through: int) -> None:
    """A join is in the index before it is answered, unless a process died in between."""
    newcomers = QueueToken.objects.waiting().filter(
        room=room, position__gt=after, position__lte=through
    )
    if newcomers.count() != repair.count_waiting(room.pk, after=after, through=through):
        rows = newcomers.values_list("token", "user_id", "position").iterator()
        members.add(room.pk, (waiting_entry(*row) for row in rows))


def _forget_silent(room: WaitingRoom, silent: Sequence[int]) -> None:
    """Expect no poll of those who are out of the line, by this tick or an earlier one."""
    waiting = QueueToken.objects.waiting().filter(room=room, position__in=silent)
    still = set(waiting.values_list("position", flat=True)) if silent else set()
    last_requests.forget(room.pk, [position for position in silent if position not in still])


def _agree_on_inside(room: WaitingRoom) -> int:
    """Admissions end and are extended without a tick, and a tick may have died half-way."""
    inside = _sum_inside(room)
    if inside != repair.sum_inside(room.pk):
        active = QueueToken.objects.active().filter(room=room)
        repair.replace_inside(room.pk, map(entry_of, active.iterator()))
    count, _sum = inside
    return count


def _sum_inside(room: WaitingRoom) -> tuple[int, int]:
    """As line/scripts/sum_inside.lua, over the table."""
    count, total = fetch_row(
        """
        SELECT count(*), coalesce(sum(position + mod(
            floor(extract(epoch FROM expires_at) * 1000)::bigint, 1000000000)), 0)::bigint
        FROM queueing_queuetoken WHERE room_id = %s AND is_active
        """,
        [room.pk],
    )
    return count, total


def forget(room_id: int, ended: Sequence[Entry]) -> None:
    """Remove people whose departure has committed.

    If Redis cannot be reached they are removed when they are found silent.
    """
    try:
        members.remove(room_id, ended)
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room_id)
