"""The tick: end what is over, let in the next, exactly up to capacity and pace."""

import datetime as dt
import logging

from django.db import OperationalError, connection, transaction
from django.db.models import Exists, OuterRef, Q

from concertbook.clock import database_now
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services.endings import BATCH, end_tokens

logger = logging.getLogger(__name__)

# Let in by one tick; a statement takes no more than 65,535 keys.
MOST_AT_ONCE = 20_000

Outcome = QueueEntryHistory.Outcome
Status = QueueToken.Status
State = WaitingRoom.State
# The line moves on: people are let in, and whoever fell silent has left.
MOVING = (State.OPEN, State.DRAINING)


def admit_waiting() -> int:
    """One tick of every room that is open or has people; returns how many were let in."""
    people = QueueToken.objects.live().filter(room=OuterRef("pk"))
    rooms = WaitingRoom.objects.filter(~Q(state=WaitingRoom.State.CLOSED) | Exists(people))
    return sum(_admit_or_log(room_id) for room_id in list(rooms.values_list("pk", flat=True)))


def _admit_or_log(room_id: int) -> int:
    """One room's trouble is not the other rooms': it is tried again at the next tick."""
    try:
        return admit(room_id=room_id)
    except OperationalError:
        logger.exception("No tick for room %s", room_id)
        return 0


def admit(*, room_id: int) -> int:
    """Free what is over, then let in the next in line, up to capacity and pace.

    Safe to run twice at once: the second finds the room locked and leaves it to the first.
    Returns how many were let in.
    """
    with transaction.atomic(durable=True):
        rooms = WaitingRoom.objects.select_for_update(no_key=True, skip_locked=True)
        room = rooms.filter(pk=room_id).first()
        if room is None:
            return 0
        settled = _settled_position(room)
        now = database_now()
        _open_if_due(room, now)
        _end_overdue(room, now)
        _close_if_drained(room)
        if room.state not in MOVING:
            return 0
        return _let_in(room, _free_places(room, now), settled)


def _settled_position(room: WaitingRoom) -> int:
    """The last number drawn of which we know that all before it are committed or gone.

    Whoever let in a visible later number would overtake an earlier one still on its way. The
    caller holds the room's lock, so that the room stays.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT queueing_settled_position(%s)", [room.pk])
        (settled,) = cursor.fetchone()
    return int(settled)


def _open_if_due(room: WaitingRoom, now: dt.datetime) -> None:
    if room.state == WaitingRoom.State.SCHEDULED and room.opens_at and room.opens_at <= now:
        room.state = WaitingRoom.State.OPEN
        room.save(update_fields=["state"])


def _end_overdue(room: WaitingRoom, now: dt.datetime) -> None:
    # A token that is locked belongs to somebody who is just buying: the next tick comes soon.
    tokens = QueueToken.objects.select_for_update(no_key=True, skip_locked=True).filter(room=room)
    end_tokens(
        list(tokens.active().filter(expires_at__lte=now)[:BATCH]),
        outcome=Outcome.TIMED_OUT,
        now=now,
    )
    if room.state in MOVING:
        silent_since = now - dt.timedelta(seconds=room.idle_seconds)
        end_tokens(
            list(tokens.waiting().filter(last_request_at__lt=silent_since)[:BATCH]),
            outcome=Outcome.IDLE,
            now=now,
        )
    if room.state == WaitingRoom.State.CLOSED:
        # Somebody who joined while the room was being closed.
        end_tokens(list(tokens.waiting()[:BATCH]), outcome=Outcome.CLOSED, now=now)


def _close_if_drained(room: WaitingRoom) -> None:
    """A room that takes nobody new is done once nobody waits and nobody is inside."""
    if room.state != State.DRAINING:
        return
    tokens = QueueToken.objects.filter(room=room)
    if not tokens.waiting().exists() and not tokens.active().exists():
        room.state = State.CLOSED
        room.save(update_fields=["state"])


def _free_places(room: WaitingRoom, now: dt.datetime) -> int:
    inside = QueueToken.objects.active().filter(room=room).count()
    return max(
        0, min(room.capacity - inside, room.admit_per_minute - admitted_last_minute(room, now))
    )


def admitted_last_minute(room: WaitingRoom, now: dt.datetime) -> int:
    since = now - dt.timedelta(minutes=1)
    return QueueToken.objects.filter(room=room, available_at__gt=since).count()


def _let_in(room: WaitingRoom, places: int, settled: int) -> int:
    line = QueueToken.objects.waiting().filter(room=room, position__lte=settled)
    # Waits for whoever is just leaving rather than skip a locked row: skipping is overtaking.
    first = list(
        line.select_for_update(no_key=True).order_by("position")[: min(places, MOST_AT_ONCE)]
    )
    # After the count of places: whoever left one of them left it before this moment.
    now = database_now()
    return QueueToken.objects.filter(pk__in=[token.pk for token in first]).update(
        status=Status.ACTIVE,
        available_at=now,
        expires_at=now + dt.timedelta(seconds=room.active_seconds),
        last_request_at=now,
    )
