"""What an operator's act on a room will do, in sentences, before it is done (services/rooms)."""

import math

from django.utils.translation import gettext, ngettext

from concertbook.errors import NotFound
from queueing.models import WaitingRoom
from queueing.services.room_counts import with_line_counts

# Longer would be read as a promise.
MOST_MINUTES = 600


def counted_room(room_id: int) -> WaitingRoom:
    """The room with ``waiting_count``, ``active_count`` and ``admitted_count``. Raises NotFound."""
    room = with_line_counts(WaitingRoom.objects.filter(pk=room_id)).first()
    if room is None:
        raise NotFound
    return room


def of_open(room: WaitingRoom) -> list[str]:
    """All previews need a room of ``counted_room``."""
    let_in = gettext(
        "They are let in from now on, in the order of the line, at most %(pace)s a minute."
    )
    return [_waiting(room), let_in % {"pace": f"{room.admit_per_minute:,}"}]


def of_pause(room: WaitingRoom) -> list[str]:
    return [
        _waiting(room),
        gettext("No buyer is let in until you open the room again. All keep their places in line."),
        _inside(room),
    ]


def of_drain(room: WaitingRoom) -> list[str]:
    return [
        gettext("No more buyers can join."),
        _waiting(room),
        gettext("They are still let in, in order and at the same pace. Then the room closes."),
    ]


def of_close(room: WaitingRoom) -> list[str]:
    lost = ngettext(
        "%(n)s person who waits loses the place in line. This cannot be undone.",
        "%(n)s people who wait lose their places in line. This cannot be undone.",
        _of(room, "waiting_count"),
    )
    return [
        lost % {"n": f"{_of(room, 'waiting_count'):,}"},
        gettext("No buyer can join."),
        _inside(room),
    ]


def of_pace(room: WaitingRoom, *, admit_per_minute: int, capacity: int) -> list[str]:
    """What the new pace means for the last person in line, and for those inside."""
    said = [_waiting(room)]
    if waiting := _of(room, "waiting_count"):
        last_in = gettext(
            "At %(new)s a minute the last of them is let in after %(new_wait)s at the earliest; "
            "now, at %(old)s a minute, after %(old_wait)s."
        )
        said.append(
            last_in
            % {
                "new": f"{admit_per_minute:,}",
                "new_wait": _minutes(waiting, admit_per_minute),
                "old": f"{room.admit_per_minute:,}",
                "old_wait": _minutes(waiting, room.admit_per_minute),
            }
        )
    inside = _of(room, "active_count")
    if capacity < inside:
        full = gettext(
            "%(inside)s people are inside. They stay; the next is let in when fewer than "
            "%(capacity)s are left."
        )
        said.append(full % {"inside": f"{inside:,}", "capacity": f"{capacity:,}"})
    return said


def of_message(room: WaitingRoom) -> list[str]:
    return [
        _waiting(room),
        gettext("They read the message on the waiting page within 15 seconds, in their language."),
    ]


def _waiting(room: WaitingRoom) -> str:
    n = _of(room, "waiting_count")
    return ngettext("%(n)s person waits.", "%(n)s people wait.", n) % {"n": f"{n:,}"}


def _inside(room: WaitingRoom) -> str:
    n = _of(room, "active_count")
    said = ngettext(
        "%(n)s person is inside and may finish.", "%(n)s people are inside and may finish.", n
    )
    return said % {"n": f"{n:,}"}


def _of(room: WaitingRoom, count: str) -> int:
    return int(getattr(room, count))


def _minutes(people: int, a_minute: int) -> str:
    minutes = math.ceil(people / max(1, a_minute))
    if minutes > MOST_MINUTES:
        return gettext("more than %(n)s hours") % {"n": MOST_MINUTES // 60}
    return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
