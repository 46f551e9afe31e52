"""What is published of a draw, and a buyer's part in it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from accounts.models import User
from concertbook.errors import NotFound
from queueing.models import Draw, QueueToken, QueueTokenQuerySet, WaitingRoom, is_published

# Tokens read at a time.
CHUNK = 5_000


def get_draw(*, slug: str) -> Draw:
    """The draw of a real, published room that shuffles, done or to come. Raises NotFound for any
    other."""
    draws = Draw.objects.select_related("room")
    real = draws.filter(is_published("room__"), room__shuffle=True, room__rehearsal="")
    draw = real.filter(room__slug=slug).first()
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
    tokens = participants_of(draw.room).order_by("position").values_list("token", flat=True)
    return tokens.iterator(chunk_size=CHUNK)


def participants_of(room: WaitingRoom) -> QueueTokenQuerySet:
    return QueueToken.objects.filter(room=room, drawn_from__isnull=False)


@dataclass(frozen=True)
class Lot:
    """A participant's lot. ``number`` counts from 1 and is None until it is drawn."""

    token: uuid.UUID
    number: int | None


def find_lot(*, user: User, draw: Draw) -> Lot | None:
    """The user's lot; None for a user who did not come before the draw, or is not in line."""
    if draw.drawn_at is None:
        tokens = QueueToken.objects.filter(status="WAITING", user=user, room=draw.room)
        waiting = tokens.first()
        return None if waiting is None else Lot(token=waiting.pk, number=None)
    participants = participants_of(draw.room)
    mine = participants.filter(user=user).first()
    if mine is None:
        return None
    number = participants.filter(position__lte=mine.position).count()
    return Lot(token=mine.pk, number=number)
