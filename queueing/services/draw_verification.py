"""Verify a draw: compute it anew, without the database's help."""

import hashlib
import hmac
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db.models import Max, Q

from queueing.models import Draw, QueueToken, WaitingRoom
from queueing.services.draw_results import CHUNK, get_draw, participants_of


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
    differences = list(_broken_commitment(draw))
    if draw.drawn_at is not None:
        lots = participants_of(draw.room).values_list("token", "position", "drawn_from")
        rows = list(lots.iterator(chunk_size=CHUNK))
        differences += [
            *_other_participants(draw, sorted(token.bytes for token, _, _ in rows)),
            *_other_order(bytes(draw.seed), rows),
            *_undrawn_among_drawn(draw),
        ]
    return Verification(draw=draw, differences=differences)


def _broken_commitment(draw: Draw) -> Iterator[Difference]:
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
    last = participants_of(draw.room).aggregate(last=Max("position"))["last"]
    among = QueueToken.objects.filter(room=draw.room, drawn_from=None, position__lte=last or 0)
    gone = Q(status=QueueToken.Status.EXPIRED, available_at=None)
    for token in among.exclude(gone):
        yield Difference(f"position of {token.pk}", token.position, "none, it was not drawn")
