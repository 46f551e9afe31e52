"""The tick: end tokens whose time is over, admit the next, up to capacity and pace."""

import datetime as dt
import logging
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial

from django.db import transaction
from django.db.models import QuerySet

from accounts.services import activity
from concertbook.db.arrays import array
from concertbook.db.clock import database_now
from concertbook.db.prepared import Param, PreparedLock
from concertbook.db.single_flight import SingleFlight
from concertbook.db.statements import execute, fetch_all, fetch_row
from queueing.line.records import Entry, IndexWatermark
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import index_updates
from queueing.services.draw import draw_lots, is_undrawn
from queueing.services.endings import BATCH, end_tokens
from queueing.services.entries import admitted_entry, waiting_entry
from queueing.services.last_requests import find_silent
from queueing.services.positions import settled_position
from queueing.services.turn_notices import AWAY_AFTER, knows_silence, tell_admitted

logger = logging.getLogger(__name__)

# Let in by one tick, so that none takes longer than the second until the next.
MOST_AT_ONCE = 5_000

Outcome = QueueEntryHistory.Outcome
# Of a token, all that the index needs. Tokens are read by SQL: a join that is admitted at once
# waits for this, and the ORM took 2 of its 3 ms.
COLUMNS = "token", "user_id", "position"
Row = tuple[uuid.UUID, uuid.UUID, int]
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
    locked = ROOM.fetch(wait=wait, room=room_id)
    if not locked:
        return None
    room = locked[0]
    settled = settled_position(room_id)
    tick = Tick(room, settled, database_now())
    _open_if_due(room, tick.now)
    tick.silent = find_silent(room, watermark, tick.now) if room.is_moving else []
    tick.ended = _end_overdue(room, tick.now, tick.silent)
    _close_if_drained(room)
    if room.is_moving and (may_draw or not is_undrawn(room)):
        draw_lots(room, settled=settled)
        places, allowed = _free_capacity(room, tick.now)
        tick.full = places <= allowed
        free = max(0, min(places, allowed))
        tick.admitted = _admit_first(room, free, settled, knows_silence(watermark, tick.now))
        tick.free = free - len(tick.admitted)
    return tick


def _room(wait: bool) -> QuerySet[WaitingRoom]:
    rooms = WaitingRoom.objects.select_for_update(no_key=True, skip_locked=not wait)
    return rooms.filter(pk=Param("room"))


ROOM = PreparedLock(_room)


def _open_if_due(room: WaitingRoom, now: dt.datetime) -> None:
    is_due = room.opens_at is not None and room.opens_at <= now
    is_public = room.published_at is not None and room.published_at <= now
    if room.state == WaitingRoom.State.SCHEDULED and is_due and is_public:
        _turn(room, State.OPEN, "room.open")


def _end_overdue(room: WaitingRoom, now: dt.datetime, silent: list[int]) -> list[Entry]:
    ended = _end(_timed_out(room, now), Outcome.TIMED_OUT, now)
    # The holder of a locked token is just leaving: the next tick comes soon.
    tokens = QueueToken.objects.select_for_update(no_key=True, skip_locked=True)
    waiting = tokens.waiting().filter(room=room).values_list(*COLUMNS)
    if silent:
        ended += _end(waiting.filter(position__in=silent)[:BATCH], Outcome.IDLE, now)
    if room.state == WaitingRoom.State.CLOSED:
        # All who wait, also those who joined while the room was being closed.
        ended += _end(waiting[:MOST_AT_ONCE], Outcome.CLOSED, now)
    return ended


def _timed_out(room: WaitingRoom, now: dt.datetime) -> list[Row]:
    # The holder of a locked token is just buying: the next tick comes soon. In the order of the
    # index on expires_at: in the order of the line all tokens would be read.
    return fetch_all(
        """
        SELECT token, user_id, position FROM queueing_queuetoken
        WHERE room_id = %s AND is_active AND expires_at <= %s
        ORDER BY expires_at LIMIT %s FOR NO KEY UPDATE SKIP LOCKED
        """,
        [room.pk, now, BATCH],
    )


def _end(tokens: Iterable[Row], outcome: Outcome, now: dt.datetime) -> list[Entry]:
    over = list(tokens)
    end_tokens([token for token, _user, _position in over], outcome=outcome, now=now)
    return [waiting_entry(*row) for row in over]


def _close_if_drained(room: WaitingRoom) -> None:
    """Close a draining room once no one waits and no one is inside."""
    if room.state != State.DRAINING:
        return
    tokens = QueueToken.objects.filter(room=room)
    if not tokens.waiting().exists() and not tokens.active().exists():
        _turn(room, State.CLOSED, "room.close")


def _turn(room: WaitingRoom, state: WaitingRoom.State, act: str) -> None:
    before, room.state = room.state, state
    room.save(update_fields=["state"])
    old, new = {"state": before}, {"state": state}
    activity.record(actor=None, act=act, target=room, old=old, new=new)


def _free_capacity(room: WaitingRoom, now: dt.datetime) -> tuple[int, int]:
    """How many more fit inside, and how many more may be admitted within this minute."""
    inside, admitted = fetch_row(
        """
        SELECT (SELECT count(*) FROM queueing_queuetoken WHERE room_id = %s AND is_active),
               (SELECT count(*) FROM queueing_queuetoken WHERE room_id = %s AND available_at > %s)
        """,
        [room.pk, room.pk, now - dt.timedelta(minutes=1)],
    )
    return room.capacity - inside, room.admit_per_minute - admitted


def _admit_first(
    room: WaitingRoom, places: int, settled: int, silence_is_known: bool
) -> list[Entry]:
    # Waits for a person who is just leaving: to skip a locked row would be to overtake its holder.
    first = fetch_all(
        """
        SELECT token, user_id, position, wants_push, last_request_at FROM queueing_queuetoken
        WHERE room_id = %s AND is_waiting AND position <= %s
        ORDER BY position LIMIT %s FOR NO KEY UPDATE
        """,
        [room.pk, settled, min(places, MOST_AT_ONCE)],
    )
    # Read after the count of places: each free place was left before this moment.
    now = database_now()
    until = now + dt.timedelta(seconds=room.active_seconds)
    _make_active([token for token, *_rest in first], now, until)
    away_since = now - AWAY_AFTER
    tell_admitted(
        pushed=[(token, user) for token, user, _position, wants, _asked in first if wants],
        mailed=[
            (token, user)
            for token, user, _position, _wants, asked in first
            if silence_is_known and asked < away_since
        ],
    )
    return [admitted_entry(token, user, position, until) for token, user, position, *_rest in first]


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
