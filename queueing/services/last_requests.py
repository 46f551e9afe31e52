"""When people last asked: find who is silent, write the times back to the table."""

import datetime as dt

from concertbook.db.rows import Recordset
from concertbook.db.statements import execute
from queueing.line import last_requests
from queueing.line.errors import LineUnavailable
from queueing.line.records import IndexWatermark, to_milliseconds
from queueing.models import WaitingRoom
from queueing.services.endings import BATCH


def find_silent(room: WaitingRoom, watermark: IndexWatermark | None, now: dt.datetime) -> list[int]:
    """Positions of people who did not ask again though they should have, idle_seconds ago.

    No one is silent while there is no index, which alone knows who asked, nor while the line
    stands still, nor for as long again when it moves on. The caller holds the room's lock: a poll
    from now on is in time for the next tick.
    """
    moving_since = watermark.moving_since if watermark else 0
    if not moving_since or to_milliseconds(now) - moving_since < room.idle_seconds * 1000:
        return []
    try:
        return last_requests.find_silent(room.pk, seconds=room.idle_seconds, limit=BATCH)
    except LineUnavailable:
        return []


def write_back_requests() -> int:
    """Write to the table when people last asked, as the index has noted; returns how many."""
    written = 0
    for room_id in WaitingRoom.objects.live().values_list("pk", flat=True):
        try:
            written += sum(_write_back(room_id, batch) for batch in last_requests.take(room_id))
        except LineUnavailable:
            break
    return written


NOTED = Recordset("noted", position="bigint", moment="bigint")


def _write_back(room_id: int, batch: list[tuple[int, int]]) -> int:
    # Skips people who are being admitted, drawn or removed: their last request is of no use.
    return execute(
        f"""
        WITH asked AS (
            SELECT token, to_timestamp(moment / 1000.0) AS at
            FROM {NOTED} JOIN queueing_queuetoken USING (position)
            WHERE room_id = %s AND is_waiting AND {NOTED.by_key}
            FOR NO KEY UPDATE OF queueing_queuetoken SKIP LOCKED
        )
        UPDATE queueing_queuetoken
        SET last_request_at = greatest(last_request_at, asked.at)
        FROM asked WHERE asked.token = queueing_queuetoken.token
        """,
        [*NOTED.params(batch), room_id],
    )
