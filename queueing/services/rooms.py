"""What an operator does to a room: open, pause, close, count."""

import contextlib

from django.db import transaction
from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from concertbook.clock import database_now
from concertbook.errors import NotFound
from queueing import line
from queueing.line import LineUnavailable
from queueing.models import Draw, QueueEntryHistory, QueueToken, QueueTokenQuerySet, WaitingRoom
from queueing.services.endings import BATCH, end_tokens


def open_room(*, room_id: int) -> WaitingRoom:
    """Let people in from the next tick on, whatever the room's state was. Raises NotFound."""
    return _set_state(room_id, WaitingRoom.State.OPEN)


def pause_room(*, room_id: int) -> WaitingRoom:
    """Let nobody in for now; the line keeps its order, those inside may finish. Raises NotFound."""
    return _set_state(room_id, WaitingRoom.State.PAUSED)


def close_room(*, room_id: int) -> WaitingRoom:
    """Let nobody in or join any more, and send the line home; those inside may finish.

    Raises NotFound. Killed half-way, the rest of the line goes when the room is closed again.
    """
    room = _set_state(room_id, WaitingRoom.State.CLOSED)
    while _send_home(room):
        pass
    with contextlib.suppress(LineUnavailable):
        line.drop(room_id)
    return room


def _set_state(room_id: int, state: WaitingRoom.State) -> WaitingRoom:
    with transaction.atomic(durable=True):
        rooms = WaitingRoom.objects.select_for_update(no_key=True)
        room = rooms.filter(pk=room_id).first()
        if room is None:
            raise NotFound
        room.state = state
        room.save(update_fields=["state"])
    return room


def _send_home(room: WaitingRoom) -> int:
    """One batch, so that a long line does not make one long transaction."""
    with transaction.atomic(durable=True):
        line = QueueToken.objects.waiting().select_for_update(no_key=True).filter(room=room)
        tokens = list(line.order_by("position").values_list("pk", flat=True)[:BATCH])
        end_tokens(tokens, outcome=QueueEntryHistory.Outcome.CLOSED, now=database_now())
    return len(tokens)


def tell_seats_left(*, room_id: int, seats: int) -> None:
    """Let people in line know how much is left to be had. Without the index nobody is told."""
    with contextlib.suppress(LineUnavailable):
        line.write_seats_left(room_id, seats)


def is_shuffle_settled(room: WaitingRoom) -> bool:
    """Whether it is too late to change if the room draws lots: somebody joined, or it was drawn.

    The same rule is a trigger, queueing_shuffle_is_settled.
    """
    drawn = Draw.objects.filter(room=room, drawn_at__isnull=False)
    return QueueToken.objects.filter(room=room).exists() or drawn.exists()


def with_line_counts(rooms: QuerySet[WaitingRoom]) -> QuerySet[WaitingRoom]:
    """Rooms with ``waiting_count`` and ``active_count``: how many are in line, how many inside."""
    return rooms.annotate(
        waiting_count=_count_of(QueueToken.objects.waiting()),
        active_count=_count_of(QueueToken.objects.active()),
    )


def _count_of(tokens: QueueTokenQuerySet) -> Coalesce:
    of_room = tokens.filter(room=OuterRef("pk")).order_by().values("room")
    return Coalesce(Subquery(of_room.annotate(n=Count("pk")).values("n")), 0)
