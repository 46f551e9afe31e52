"""The operator's actions on a room: open, pause, slow, drain, close, count."""

import contextlib
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import PROTECT, Exists, IntegerField, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.functions import Now

from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from queueing.errors import RoomInUse
from queueing.line import room_record
from queueing.line.errors import LineUnavailable
from queueing.models import Draw, QueueEntryHistory, QueueToken, QueueTokenQuerySet, WaitingRoom
from queueing.services import following
from queueing.services.endings import BATCH, end_tokens
from queueing.services.entries import entry_of


@dataclass(frozen=True)
class Change:
    """A room after a change; ``before`` has the previous values of the fields that differ."""

    room: WaitingRoom
    before: Mapping[str, Any]


def open_room(*, room_id: int) -> Change:
    """Admit people from the next tick on, whatever the room's state was. Raises NotFound."""
    return _change(room_id, state=WaitingRoom.State.OPEN)


def pause_room(*, room_id: int) -> Change:
    """Admit no one for now; the line keeps its order, people inside may finish. Raises NotFound."""
    return _change(room_id, state=WaitingRoom.State.PAUSED)


def set_pace(*, room_id: int, admit_per_minute: int, capacity: int) -> Change:
    """Admit so many a minute, and so many at once, from the next tick on.

    A smaller capacity ends no admission. Raises NotFound.
    """
    return _change(room_id, admit_per_minute=admit_per_minute, capacity=capacity)


def drain_room(*, room_id: int) -> Change:
    """Refuse new joins and serve the line to its end; then the tick closes the room.

    Raises NotFound.
    """
    return _change(room_id, state=WaitingRoom.State.DRAINING)


def close_room(*, room_id: int) -> Change:
    """Admit no one, refuse new joins and end the tokens of those who wait; those inside may finish.

    The first batch of the line at once, the others with the next ticks: a long line takes minutes.
    Raises NotFound.
    """
    change = _change(room_id, state=WaitingRoom.State.CLOSED)
    _end_first_waiting(change.room)
    return change


def _change(room_id: int, **values: Any) -> Change:
    # Not durable: the admin has locked the room before it compared the operator's form with it.
    with transaction.atomic():
        rooms = WaitingRoom.objects.select_for_update(no_key=True)
        room = rooms.filter(pk=room_id).first()
        if room is None:
            raise NotFound
        before = {
            name: getattr(room, name)
            for name, value in values.items()
            if getattr(room, name) != value
        }
        for name, value in values.items():
            setattr(room, name, value)
        room.save(update_fields=list(values))
    return Change(room, before)


def _end_first_waiting(room: WaitingRoom) -> None:
    """One batch, so that a long line does not make one long transaction."""
    with transaction.atomic():
        waiting = QueueToken.objects.waiting().select_for_update(no_key=True).filter(room=room)
        tokens = list(waiting.order_by("position").values_list("pk", flat=True)[:BATCH])
        end_tokens(tokens, outcome=QueueEntryHistory.Outcome.CLOSED, now=database_now())


def end_all_tokens(*, room_id: int) -> int:
    """End all live tokens of a room, waiting and inside; returns how many ended.

    The caller closes the room first, or more people join. One transaction for each batch; called
    again after a crash it goes on.
    """
    ended = 0
    while tokens := _end_some(room_id):
        following.forget(room_id, [entry_of(token) for token in tokens])
        ended += len(tokens)
    return ended


def _end_some(room_id: int) -> list[QueueToken]:
    with transaction.atomic(durable=True):
        live = QueueToken.objects.live().select_for_update(no_key=True).filter(room=room_id)
        tokens = list(live.order_by("position")[:BATCH])
        keys = [token.pk for token in tokens]
        end_tokens(keys, outcome=QueueEntryHistory.Outcome.CLOSED, now=database_now())
    return tokens


def in_use(rooms: QuerySet[WaitingRoom]) -> QuerySet[WaitingRoom]:
    """Rooms that cannot be deleted: a person has joined, or a concert belongs to them."""
    kept = Q()
    for relation in WaitingRoom._meta.related_objects:
        if relation.on_delete is PROTECT:
            rows = relation.related_model._base_manager
            kept |= Q(Exists(rows.filter(**{relation.field.name: OuterRef("pk")})))
    return rooms.filter(kept)


def delete_rooms(rooms: QuerySet[WaitingRoom]) -> None:
    """Delete rooms, all or none. Raises RoomInUse."""
    with transaction.atomic():
        keys = list(rooms.values_list("pk", flat=True))
        # No join succeeds while these are locked.
        list(WaitingRoom.objects.select_for_update().filter(pk__in=keys).order_by("pk"))
        unused = WaitingRoom.objects.filter(pk__in=keys)
        if in_use(unused).exists():
            raise RoomInUse
        unused.delete()


def tell_seats_left(*, room_id: int, seats: int) -> None:
    """Tell polls how many seats are left. Without effect while there is no index."""
    with contextlib.suppress(LineUnavailable):
        room_record.write_seats_left(room_id, seats)


def is_shuffle_settled(room: WaitingRoom) -> bool:
    """Whether it is too late to change ``shuffle``: a person has joined, or lots were drawn.

    The same rule is a trigger, queueing_shuffle_is_settled.
    """
    drawn = Draw.objects.filter(room=room, drawn_at__isnull=False)
    return QueueToken.objects.filter(room=room).exists() or drawn.exists()


def with_line_counts(
    rooms: QuerySet[WaitingRoom], *, up_to: int | None = None
) -> QuerySet[WaitingRoom]:
    """Rooms with ``waiting_count``, ``active_count`` and ``admitted_count``.

    How many are in line, inside, and were let in within the last minute. A line may have a
    million people: ``up_to`` stops each count there, which keeps a list of many rooms cheap;
    ``counted_up_to`` says so.
    """
    tokens = QueueToken.objects.all()
    a_minute_ago = Now() - dt.timedelta(minutes=1)
    return rooms.annotate(
        counted_up_to=Value(up_to, output_field=IntegerField()),
        waiting_count=_count_of(tokens.waiting(), "position", up_to),
        active_count=_count_of(tokens.active(), "expires_at", up_to),
        admitted_count=_count_of(
            tokens.filter(available_at__gt=a_minute_ago), "available_at", up_to
        ),
    )


def _count_of(tokens: QueueTokenQuerySet, along: str, up_to: int | None) -> "_Count":
    """Counted in the order of the index on (room, ``along``).

    Where one room has nearly all tokens the planner would read the whole table for each room.
    """
    of_room = tokens.filter(room=OuterRef("pk"))
    return _Count(of_room.order_by(along).values(along)[:up_to])


class _Count(Subquery):
    """How many rows the subquery has; Django's own Count knows no limit."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()
