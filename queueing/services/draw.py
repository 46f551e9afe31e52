"""Draw the lots of a room at its opening."""

import datetime as dt

from accounts.services import activity
from concertbook.db.statements import execute, set_local
from queueing.models import Draw, WaitingRoom

# A million lots take a minute or two; a draw that is cut off would be cut off again and again.
DRAWING_TAKES_AT_MOST = dt.timedelta(minutes=10)
# SHA-256 works on blocks of this many bytes, and HMAC pads its key to one.
BLOCK = 64

# The list is frozen by the first line, in one snapshot. What moves a row looks at nothing but its
# token: a person who leaves meanwhile moves too, or two people would end up with one number.
DRAW = """
WITH participants AS MATERIALIZED (
    SELECT token, position, sha256(%(outer)s || sha256(%(inner)s || uuid_send(token))) AS lot
    FROM queueing_queuetoken
    WHERE room_id = %(room)s AND is_waiting AND position <= %(settled)s
), moves AS (
    SELECT token, position AS drawn_from,
           (SELECT array_agg(position ORDER BY position) FROM participants)
               [row_number() OVER (ORDER BY lot)] AS position
    FROM participants
), moved AS (
    UPDATE queueing_queuetoken
    SET position = moves.position, drawn_from = moves.drawn_from
    FROM moves WHERE queueing_queuetoken.token = moves.token
)
UPDATE queueing_draw
SET drawn_at = clock_timestamp(),
    participants = (SELECT count(*) FROM participants),
    participants_hash = (
        SELECT encode(sha256(coalesce(string_agg(uuid_send(token), '' ORDER BY token), '')), 'hex')
        FROM participants
    )
WHERE room_id = %(room)s
"""


def draw_lots(room: WaitingRoom, *, settled: int) -> None:
    """Draw lots among the people who wait up to position ``settled``, unless it was done before.

    In the order of HMAC-SHA256(seed, token) they get their own positions, smallest first; numbers
    drawn later come after all of them. The caller holds the room's lock, in a transaction, and no
    number up to ``settled`` is still on its way to a commit.
    """
    if is_undrawn(room):
        _permute(room, bytes(Draw.objects.get(room=room).seed), settled)
        participants = Draw.objects.values_list("participants", flat=True).get(room=room)
        drawn = {"participants": participants}
        activity.record(actor=None, act="room.draw", target=room, new=drawn)


def _permute(room: WaitingRoom, seed: bytes, settled: int) -> None:
    set_local("statement_timeout", int(DRAWING_TAKES_AT_MOST.total_seconds() * 1000))
    execute(
        DRAW,
        {
            "inner": _padded(seed, 0x36),
            "outer": _padded(seed, 0x5C),
            "room": room.pk,
            "settled": settled,
        },
    )


def _padded(seed: bytes, byte: int) -> bytes:
    """One of the two keys that HMAC makes of the seed (RFC 2104)."""
    return bytes(each ^ byte for each in seed.ljust(BLOCK, b"\0"))


def is_undrawn(room: WaitingRoom) -> bool:
    """Whether the room will still draw lots for the places in its line."""
    return room.shuffle and Draw.objects.filter(room=room, drawn_at=None).exists()
