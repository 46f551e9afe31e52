"""Poll: the index answers, or the table for a person whom the index does not know."""

import uuid

from django.db.models import QuerySet

from accounts.models import User
from concertbook.db.prepared import Param, Prepared
from concertbook.errors import TooManyRequests
from queueing.line import polls
from queueing.line.errors import AskedTooOften, LineUnavailable, UnknownPerson
from queueing.models import QueueToken, WaitingRoom, room_of
from queueing.services.queue_position import QueuePosition, position_of
from queueing.services.table_polls import budget, poll_table


def find_position(*, user: User, room: WaitingRoom, address: str = "") -> QueuePosition | None:
    """The user's position in the room, as get_position; None for a user who is not in line."""
    token = LIVE_TOKEN.first(user=user.pk, room=room.pk)
    return None if token is None else get_position(user=user, token=token.pk, address=address)


def _live_token() -> QuerySet[QueueToken]:
    mine = QueueToken.objects.live().filter(user=Param("user"), room=Param("room"))
    return mine.order_by().only("token")


LIVE_TOKEN = Prepared(_live_token)


def get_position(
    *, user: User, token: uuid.UUID, address: str = "", watches_front: bool = False
) -> QueuePosition:
    """The user's position in line; notes that they asked. Raises as ask does."""
    return ask(user_id=user.pk, token=token, address=address, watches_front=watches_front)


def ask(
    *, user_id: uuid.UUID, token: uuid.UUID, address: str, watches_front: bool = False
) -> QueuePosition:
    """The position by the index, or by the table if the index does not know the person.

    Raises NotFound for another user's token, TooManyRequests, and Unavailable when too many polls
    have to ask the table.
    """
    try:
        return poll(token=token, user_id=user_id, address=address, watches_front=watches_front)
    except UnknownPerson:
        budget.take()
        waiting = QueueToken.objects.filter(status="WAITING", pk=token, user=user_id)
        position = waiting.values_list("position", flat=True).first()
        if position is not None:
            return enter(user_id=user_id, token=token, position=position, address=address)
    except LineUnavailable:
        budget.take()
    return poll_table(user_id=user_id, token=token)


def poll(
    *,
    token: uuid.UUID,
    user_id: uuid.UUID,
    address: str,
    session: str | None = None,
    watches_front: bool = False,
) -> QueuePosition:
    """The position by the index, in one round trip to Redis and without SQL.

    With ``session``, a key of the cache, only for a session that is there. A client that
    ``watches_front`` (services/front.py) is told to poll as a sign of life only. Raises
    TooManyRequests, and UnknownPerson, UnknownSession or LineUnavailable when the index cannot
    tell.
    """
    try:
        found = polls.poll(
            room_of(token),
            token,
            user_id,
            address=address,
            session=session,
            watches_front=watches_front,
        )
    except AskedTooOften as often:
        raise TooManyRequests(retry_after=often.retry_after) from None
    return position_of(token, found)


def enter(*, user_id: uuid.UUID, token: uuid.UUID, position: int, address: str) -> QueuePosition:
    """Put a user into the index who waits at ``position`` by a commit; their position."""
    try:
        found = polls.poll(room_of(token), token, user_id, address=address, position=position)
    except (LineUnavailable, UnknownPerson):
        return poll_table(user_id=user_id, token=token)
    return position_of(token, found)
