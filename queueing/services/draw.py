"""Draw lots at the opening, show the draw, and verify it: buyers can compute it themselves."""

import datetime as dt
import hashlib
import hmac
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Max, Q

from accounts.models import User
from concertbook.db.literals import checked
from concertbook.errors import NotFound
from queueing.models import Draw, QueueToken, QueueTokenQuerySet, WaitingRoom

# A million lots take a minute or two; a draw that is cut off would be cut off again and again.
DRAWING_TAKES_AT_MOST = dt.timedelta(minutes=10)
# SHA-256 works on blocks of this many bytes, and HMAC pads its key to one.
BLOCK = 64
# Tokens read at a time.
CHUNK = 5_000

# The list is frozen by the first line, in one snapshot. What moves a row looks at nothing but its
# token: a person who leaves meanwhile moves too, or two people would end up with one number.
DRAW = """
WITH participants AS MATERIALIZED (
    SELECT token, position, sha256(%(outer)s || sha256(%(inner)s || uuid_send(token))) AS lot
    FROM queueing_queuetoken
    WHERE room_id = %(room)s AND status = 'WAITING' AND position <= %(settled)s
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


def _permute(room: WaitingRoom, seed: bytes, settled: int) -> None:
    limit = int(DRAWING_TAKES_AT_MOST.total_seconds() * 1000)
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(limit)])
        cursor.execute(
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


def get_draw(*, slug: str) -> Draw:
    """The draw of a real room that shuffles, done or to come. Raises NotFound for any other."""
    draws = Draw.objects.select_related("room")
    draw = draws.filter(room__slug=slug, room__shuffle=True, room__rehearsal="").first()
    if draw is None:
        raise NotFound
    return draw


def drawn_tokens(*, slug: str) -> Iterator[uuid.UUID]:
    """The tokens of all participants, in the order drawn, streamed from the database.

    Public: a token is worth nothing without its user. Raises NotFound before the draw.
    """
    draw = get_draw(slug=slug)
    if draw.drawn_at is None:
        raise NotFound
    tokens = _participants(draw.room).order_by("position").values_list("token", flat=True)
    return tokens.iterator(chunk_size=CHUNK)


def _participants(room: WaitingRoom) -> QueueTokenQuerySet:
    return QueueToken.objects.filter(room=room, drawn_from__isnull=False)


@dataclass(frozen=True)
class Lot:
    """A participant's lot. ``number`` counts from 1 and is None until it is drawn."""

    token: uuid.UUID
    number: int | None


def find_lot(*, user: User, draw: Draw) -> Lot | None:
    """The user's lot; None for a user who did not come before the draw, or is not in line."""
    if draw.drawn_at is None:
        tokens = QueueToken.objects.filter(checked("status", "WAITING"), user=user, room=draw.room)
        waiting = tokens.first()
        return None if waiting is None else Lot(token=waiting.pk, number=None)
    participants = _participants(draw.room)
    mine = participants.filter(user=user).first()
    if mine is None:
        return None
    number = participants.filter(position__lte=mine.position).count()
    return Lot(token=mine.pk, number=number)


@dataclass(frozen=True)
class Difference:
    """A value that differs from what the seed and the participants give."""

    what: str
    found: object
    expected: object

    def __str__(self) -> str:
        return f"{self.what}: found {self.found}, expected {self.expected}"


@dataclass(frozen=True)
class Verification:
    """A draw computed anew, without the database's help, and all that disagrees with it."""

    draw: Draw
    differences: list[Difference]


def verify(room: WaitingRoom) -> Verification:
    """Compute the room's draw anew, as every buyer can, and check what only the database shows.

    Of a draw that is to come it is the seed alone. Raises NotFound when the room does not shuffle.
    """
    draw = get_draw(slug=room.slug)
    differences = list(_broken_promise(draw))
    if draw.drawn_at is not None:
        lots = _participants(draw.room).values_list("token", "position", "drawn_from")
        rows = list(lots.iterator(chunk_size=CHUNK))
        differences += [
            *_other_participants(draw, sorted(token.bytes for token, _, _ in rows)),
            *_other_order(bytes(draw.seed), rows),
            *_undrawn_among_drawn(draw),
        ]
    return Verification(draw=draw, differences=differences)


def _broken_promise(draw: Draw) -> Iterator[Difference]:
    yield from _difference("commitment", draw.commitment, hashlib.sha256(draw.seed).hexdigest())


def _difference(what: str, found: object, expected: object) -> Iterator[Difference]:
    if found != expected:
        yield Difference(what, found, expected)


def _other_participants(draw: Draw, tokens: list[bytes]) -> Iterator[Difference]:
    frozen = hashlib.sha256(b"".join(tokens)).hexdigest()
    yield from _difference("number of participants", draw.participants, len(tokens))
    yield from _difference("hash of the participants", draw.participants_hash, frozen)


def _other_order(seed: bytes, rows: list[tuple[uuid.UUID, int, Any]]) -> Iterator[Difference]:
    drawn = sorted(rows, key=lambda row: hmac.digest(seed, row[0].bytes, "sha256"))
    places = sorted(drawn_from for _, _, drawn_from in rows)
    for (token, position, _), place in zip(drawn, places, strict=True):
        yield from _difference(f"position of {token}", position, place)


def _undrawn_among_drawn(draw: Draw) -> Iterator[Difference]:
    """People who left before the draw have a number among the drawn, but no place any more."""
    last = _participants(draw.room).aggregate(last=Max("position"))["last"]
    among = QueueToken.objects.filter(room=draw.room, drawn_from=None, position__lte=last or 0)
    gone = Q(status=QueueToken.Status.EXPIRED, available_at=None)
    for token in among.exclude(gone):
        yield Difference(f"position of {token.pk}", token.position, "none, it was not drawn")
