"""The tick: end tokens whose time is over, admit the next, up to capacity and pace."""

import datetime as dt
import logging
import uuid
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction

from concertbook.db.arrays import array
from concertbook.db.clock import database_now
from concertbook.db.single_flight import SingleFlight
from concertbook.db.statements import execute
from queueing.line.records import Entry, IndexWatermark
from queueing.models import QueueEntryHistory, QueueToken, QueueTokenQuerySet, WaitingRoom
from queueing.services import index_updates
from queueing.services.draw import draw_lots, is_undrawn
from queueing.services.endings import BATCH, end_tokens
from queueing.services.entries import admitted_entry, waiting_entry
from queueing.services.last_requests import find_silent
from queueing.services.positions import settled_position

logger = logging.getLogger(__name__)

# Let in by one tick, so that none takes longer than the second until the next.
MOST_AT_ONCE = 5_000

Outcome = QueueEntryHistory.Outcome
# Of a token, all that the index needs.
COLUMNS = "token", "user_id", "position"
State = WaitingRoom.State


def admit_waiting() -> int:
    """One tick of every room that is open or has people; returns how many were let in."""
    rooms = WaitingRoom.objects.live().values_list("pk", flat=True)
    return sum(_admit_or_log(room_id) for room_id in list(rooms))


def _admit_or_log(room_id: int) -> int:
    """An error in one room does not stop the other rooms; the next tick tries it again."""
    try:
        return admit(room_id=room_id)
    except Exception:
        logger.exception("No tick for room %s", room_id)
        return 0


@dataclass
class Tick:
    """What one tick did to a room, for the index to follow."""

    room: WaitingRoom
    settled: int
    now: dt.datetime
    ended: list[Entry] = field(default_factory=list)
    admitted: list[Entry] = field(default_factory=list)
    silent: list[int] = field(default_factory=list)
    full: bool = True
    free: int = 0


def admit_now(*, room_id: int) -> None:
    """Admit for a web request: also those whose joins were committed before this call.

    Requests that come during a run share the next one. No lots are drawn.
    """
    _admissions.do(room_id, partial(admit, room_id=room_id, may_draw=False, wait=True))


def admit(*, room_id: int, may_draw: bool = True, wait: bool = False) -> int:
    """End tokens whose time is over, then admit the next in line, up to capacity and pace.

    Safe to run twice at once: the second call finds the room locked and returns 0, or runs after
    the first one if it shall ``wait``. The index is told after the commit. Without ``may_draw``,
    for web requests, which have no minute to draw the lots of a million, a room that has yet to
    draw lots admits no one, and whether the index agrees with the table is left to the beat.
    Returns how many were admitted.
    """
    watermark = index_updates.read_watermark(room_id)
    with transaction.atomic(durable=True):
        tick = _tick(room_id, watermark, may_draw=may_draw, wait=wait)
    if tick is None:
        return 0
    if watermark is not None and not may_draw:
        index_updates.follow_admissions(
            tick.room,
            watermark,
            settled=tick.settled,
            free=tick.free,
            admitted=tick.admitted,
            ended=tick.ended,
        )
    elif watermark is not None:
        index_updates.follow(
            tick.room,
            watermark,
            settled=tick.settled,
            now=tick.now,
            full=tick.full,
            free=tick.free,
            admitted=tick.admitted,
            ended=tick.ended,
            silent=tick.silent,
        )
    return len(tick.admitted)


_admissions: SingleFlight[int] = SingleFlight()


def _tick(
    room_id: int, watermark: IndexWatermark | None, *, may_draw: bool, wait: bool
) -> Tick | None:
    rooms = WaitingRoom.objects.select_for_update(no_key=True, skip_locked=not wait)
    room = rooms.filter(pk=room_id).first()
    if room is None:
        return None
    settled = settled_position(room_id)
    tick = Tick(room, settled, database_now())
    _open_if_due(room, tick.now)
    tick.silent = find_silent(room, watermark, tick.now) if room.is_moving else []
    tick.ended = _end_overdue(room, tick.now, tick.silent)
    _close_if_drained(room)
    if room.is_moving and (may_draw or not is_undrawn(room)):
        draw_lots(room, settled=settled)
        places, allowed = _free_capacity(room), _still_allowed(room, tick.now)
        tick.full = places <= allowed
        free = max(0, min(places, allowed))
        tick.admitted = _admit_first(room, free, settled)
        tick.free = free - len(tick.admitted)
    return tick


def _open_if_due(room: WaitingRoom, now: dt.datetime) -> None:
    if room.state == WaitingRoom.State.SCHEDULED and room.opens_at and room.opens_at <= now:
        room.state = WaitingRoom.State.OPEN
        room.save(update_fields=["state"])


def _end_overdue(room: WaitingRoom, now: dt.datetime, silent: list[int]) -> list[Entry]:
    # The holder of a locked token is just buying: the next tick comes soon.
    tokens = QueueToken.objects.select_for_update(no_key=True, skip_locked=True).filter(room=room)
    # In the order of the index on expires_at: in the order of the line all tokens would be read.
    timed_out = tokens.active().filter(expires_at__lte=now).order_by("expires_at")
    ended = _end(timed_out, Outcome.TIMED_OUT, now)
    if silent:
        ended += _end(tokens.waiting().filter(position__in=silent), Outcome.IDLE, now)
    if room.state == WaitingRoom.State.CLOSED:
        # All who wait, also those who joined while the room was being closed.
        ended += _end(tokens.waiting(), Outcome.CLOSED, now, at_most=MOST_AT_ONCE)
    return ended


def _end(
    tokens: QueueTokenQuerySet, outcome: Outcome, now: dt.datetime, at_most: int = BATCH
) -> list[Entry]:
    over = list(tokens.values_list(*COLUMNS)[:at_most])
    end_tokens([token for token, _user, _position in over], outcome=outcome, now=now)
    return [waiting_entry(*row) for row in over]


def _close_if_drained(room: WaitingRoom) -> None:
    """Close a draining room once no one waits and no one is inside."""
    if room.state != State.DRAINING:
        return
    tokens = QueueToken.objects.filter(room=room)
    if not tokens.waiting().exists() and not tokens.active().exists():
        room.state = State.CLOSED
        room.save(update_fields=["state"])


def _free_capacity(room: WaitingRoom) -> int:
    return room.capacity - QueueToken.objects.active().filter(room=room).count()


def _still_allowed(room: WaitingRoom, now: dt.datetime) -> int:
    """How many more may be admitted within this minute."""
    since = now - dt.timedelta(minutes=1)
    admitted = QueueToken.objects.filter(room=room, available_at__gt=since).count()
    return room.admit_per_minute - admitted


def _admit_first(room: WaitingRoom, places: int, settled: int) -> list[Entry]:
    line = QueueToken.objects.waiting().filter(room=room, position__lte=settled)
    # Waits for a person who is just leaving: to skip a locked row would be to overtake its holder.
    line = line.select_for_update(no_key=True).order_by("position")
    first = list(line.values_list(*COLUMNS)[: min(places, MOST_AT_ONCE)])
    # Read after the count of places: each free place was left before this moment.
    now = database_now()
    until = now + dt.timedelta(seconds=room.active_seconds)
    _make_active([token for token, _user, _position in first], now, until)
    return [admitted_entry(token, user, position, until) for token, user, position in first]


def _make_active(tokens: list[uuid.UUID], now: dt.datetime, until: dt.datetime) -> None:
    # A thousand keys as one array; the ORM would write a thousand parameters.
    execute(
        """
        UPDATE queueing_queuetoken
        SET status = 'ACTIVE', available_at = %(now)s, expires_at = %(until)s,
            last_request_at = %(now)s
        WHERE token = ANY(%(tokens)s::uuid[])
        """,
        {"now": now, "until": until, "tokens": array(tokens)},
    )
