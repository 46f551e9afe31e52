"""The operator's actions on a room: open, pause, slow, drain, close; each is in the log."""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from queueing.line import room_record
from queueing.line.errors import LineUnavailable
from queueing.models import Draw, QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import index_updates
from queueing.services.endings import BATCH, end_tokens
from queueing.services.entries import entry_of


@dataclass(frozen=True)
class Change:
    """A room after a change; ``before`` has the previous values of the fields that differ."""

    room: WaitingRoom
    before: Mapping[str, Any]


def get_any_room(slug: str) -> WaitingRoom:
    """The published room, a rehearsal's too: joining checks whose it is. Raises NotFound."""
    room = WaitingRoom.objects.published().filter(slug=slug).first()
    if room is None:
        raise NotFound
    return room


def open_room(*, room_id: int, actor: User | None = None, reason: str = "") -> Change:
    """Admit people from the next tick on, whatever the room's state was. Raises NotFound."""
    return _change(room_id, "room.open", actor, reason, state=WaitingRoom.State.OPEN)


def pause_room(*, room_id: int, actor: User | None = None, reason: str = "") -> Change:
    """Admit no one for now; the line keeps its order, people inside may finish. Raises NotFound."""
    return _change(room_id, "room.pause", actor, reason, state=WaitingRoom.State.PAUSED)


def set_pace(
    *,
    room_id: int,
    admit_per_minute: int,
    capacity: int,
    actor: User | None = None,
    reason: str = "",
) -> Change:
    """Admit so many a minute, and so many at once, from the next tick on.

    A smaller capacity ends no admission. Raises NotFound.
    """
    pace = {"admit_per_minute": admit_per_minute, "capacity": capacity}
    return _change(room_id, "room.pace", actor, reason, **pace)


def tell_line(
    *, room_id: int, ko: str, en: str, actor: User | None = None, reason: str = ""
) -> Change:
    """Show a message on the waiting page and in the front of the line; "" in both ends it.

    A text in one language is shown in both. It costs the polls nothing: the front is one public
    file. Raises NotFound.
    """
    texts = {"message_ko": ko.strip(), "message_en": en.strip()}
    return _change(room_id, "room.message", actor, reason, **texts)


def drain_room(*, room_id: int, actor: User | None = None, reason: str = "") -> Change:
    """Refuse new joins and serve the line to its end; then the tick closes the room.

    Raises NotFound.
    """
    return _change(room_id, "room.drain", actor, reason, state=WaitingRoom.State.DRAINING)


def close_room(*, room_id: int, actor: User | None = None, reason: str = "") -> Change:
    """Admit no one, refuse new joins and end the tokens of those who wait; those inside may finish.

    The first batch of the line at once, the others with the next ticks: a long line takes minutes.
    Raises NotFound.
    """
    change = _change(room_id, "room.close", actor, reason, state=WaitingRoom.State.CLOSED)
    _end_first_waiting(change.room)
    return change


def _change(room_id: int, act: str, actor: User | None, reason: str, **values: Any) -> Change:
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
        after = {name: values[name] for name in before}
        activity.record(actor=actor, act=act, target=room, old=before, new=after, reason=reason)
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
        index_updates.forget(room_id, [entry_of(token) for token in tokens])
        ended += len(tokens)
    return ended


def _end_some(room_id: int) -> list[QueueToken]:
    with transaction.atomic(durable=True):
        live = QueueToken.objects.live().select_for_update(no_key=True).filter(room=room_id)
        tokens = list(live.order_by("position")[:BATCH])
        keys = [token.pk for token in tokens]
        end_tokens(keys, outcome=QueueEntryHistory.Outcome.CLOSED, now=database_now())
    return tokens


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
