"""The line: join, wait, be let in, leave. PostgreSQL is the truth."""

import datetime as dt
import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound
from queueing.errors import QueueNotAdmitted, WaitingRoomClosed
from queueing.models import (
    QueueEntryHistory,
    QueueToken,
    QueueTokenQuerySet,
    WaitingRoom,
    new_token,
)

Outcome = QueueEntryHistory.Outcome
Status = QueueToken.Status

# A poll is written back only when the last one written is older than this.
REQUEST_RESOLUTION = dt.timedelta(seconds=5)
HOME_BATCH = 1000


@dataclass(frozen=True)
class Place:
    """Where somebody stands: what a poll answers. Waits are in seconds."""

    token: QueueToken
    status: str
    ahead: int
    estimated_wait_seconds: int
    poll_after_seconds: int
    room_state: str


def join(*, user: User, slug: str) -> tuple[Place, bool]:
    """Join the room's line, or find the place already held; the flag tells which (True: new).

    Raises NotFound for an unknown room and WaitingRoomClosed. A room with room lets in at once.
    """
    room = WaitingRoom.objects.filter(slug=slug).first()
    if room is None:
        raise NotFound
    if room.state == WaitingRoom.State.CLOSED:
        raise WaitingRoomClosed
    _end_if_over(user=user, room=room)
    joined = _take_number(user=user, room=room)
    token = QueueToken.objects.live().get(user=user, room=room)
    if joined and _count_ahead(token) == 0:
        admit(room_id=room.pk)
    return get_position(user=user, token=token.pk), joined


def _end_if_over(*, user: User, room: WaitingRoom) -> None:
    """Somebody whose stay is over may join again without waiting for the sweep."""
    with transaction.atomic(durable=True):
        stays = QueueToken.objects.active().select_for_update(no_key=True)
        token = stays.filter(user=user, room=room).first()
        if token is not None and not token.admits(now := database_now()):
            _end([token], outcome=Outcome.TIMED_OUT, now=now)


def _take_number(*, user: User, room: WaitingRoom) -> bool:
    """Insert the user's token; False when a live one is there already.

    The shared lock is held until the commit: it is how admission knows that every number it
    has seen drawn is either visible or will never be (see _settled_position).
    """
    with transaction.atomic(durable=True), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock_shared(hashtextextended(%s, 0))", [str(room.pk)]
        )
        cursor.execute(
            """
            INSERT INTO queueing_queuetoken
                (token, user_id, room_id, position, status, issued_at, last_request_at)
            SELECT %(token)s, %(user)s, %(room)s, nextval(%(sequence)s::regclass), 'WAITING',
                   clock_timestamp(), clock_timestamp()
            WHERE NOT EXISTS (
                SELECT FROM queueing_queuetoken
                WHERE user_id = %(user)s AND room_id = %(room)s AND status <> 'EXPIRED'
            )
            ON CONFLICT (user_id, room_id) WHERE NOT (status = 'EXPIRED') DO NOTHING
            """,
            {
                "token": new_token(room.pk),
                "user": user.pk,
                "room": room.pk,
                "sequence": position_sequence(room.pk),
            },
        )
        return bool(cursor.rowcount == 1)


def position_sequence(room_id: int) -> str:
    """The name of the room's sequence, which a trigger makes together with the room."""
    return f"queueing_position_{room_id}"


def get_position(*, user: User, token: uuid.UUID) -> Place:
    """The user's place in line, and a sign of life. Raises NotFound for anybody else's token."""
    found = QueueToken.objects.select_related("room").filter(pk=token, user=user).first()
    if found is None:
        raise NotFound
    now = database_now()
    _note_request(found, now)
    status = Status(found.status)
    if status == Status.ACTIVE and not found.admits(now):
        status = Status.EXPIRED
    ahead = _count_ahead(found) if status == Status.WAITING else 0
    return Place(
        token=found,
        status=status,
        ahead=ahead,
        estimated_wait_seconds=_estimate_wait(found, ahead, now),
        poll_after_seconds=poll_after_seconds(ahead),
        room_state=found.room.state,
    )


def get_room(slug: str) -> WaitingRoom:
    """Raises NotFound."""
    room = WaitingRoom.objects.filter(slug=slug).first()
    if room is None:
        raise NotFound
    return room


def find_place(*, user: User, room: WaitingRoom) -> Place | None:
    """The user's place in the room's line and a sign of life; None when they are not in it."""
    tokens = QueueToken.objects.live().filter(user=user, room=room)
    token = tokens.values_list("pk", flat=True).first()
    return None if token is None else get_position(user=user, token=token)


def _note_request(token: QueueToken, now: dt.datetime) -> None:
    if token.status != Status.EXPIRED and token.last_request_at < now - REQUEST_RESOLUTION:
        QueueToken.objects.live().filter(pk=token.pk).update(last_request_at=now)


def _count_ahead(token: QueueToken) -> int:
    line = QueueToken.objects.waiting().filter(room=token.room_id)
    return line.filter(position__lt=token.position).count()


def _estimate_wait(token: QueueToken, ahead: int, now: dt.datetime) -> int:
    """Seconds until admission at the pace of the last minute, or at the room's own pace."""
    if token.status != Status.WAITING:
        return 0
    room = token.room
    opening = 0.0
    if room.state == WaitingRoom.State.SCHEDULED and room.opens_at:
        opening = max(0.0, (room.opens_at - now).total_seconds())
    turnover = room.capacity * 60 / room.active_seconds
    per_minute = _admitted_last_minute(room, now) or min(turnover, room.admit_per_minute)
    return math.ceil(opening + (ahead + 1) * 60 / per_minute)


def poll_after_seconds(ahead: int) -> int:
    """How long to wait before asking again: 2 s near the door, 30 s at the far end."""
    return min(30, 2 + ahead // 200)


def leave(*, user: User, token: uuid.UUID) -> None:
    """Give the place up. Leaving twice is leaving. Raises NotFound for anybody else's token."""
    with transaction.atomic(durable=True):
        mine = QueueToken.objects.select_for_update(no_key=True).filter(pk=token, user=user)
        found = mine.first()
        if found is None:
            raise NotFound
        if found.status != Status.EXPIRED:
            _end([found], outcome=Outcome.LEFT, now=database_now())
    admit(room_id=found.room_id)


def admit_waiting() -> int:
    """One tick of every room that is open or has people; returns how many were let in."""
    people = QueueToken.objects.live().filter(room=OuterRef("pk"))
    rooms = WaitingRoom.objects.filter(~Q(state=WaitingRoom.State.CLOSED) | Exists(people))
    return sum(admit(room_id=room_id) for room_id in rooms.values_list("pk", flat=True))


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
        if room.state != WaitingRoom.State.OPEN:
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
    _end(
        list(tokens.active().filter(expires_at__lte=now)),
        outcome=Outcome.TIMED_OUT,
        now=now,
    )
    if room.state == WaitingRoom.State.OPEN:
        silent_since = now - dt.timedelta(seconds=room.idle_seconds)
        _end(
            list(tokens.waiting().filter(last_request_at__lt=silent_since)),
            outcome=Outcome.IDLE,
            now=now,
        )
    if room.state == WaitingRoom.State.CLOSED:
        # Somebody who joined while the room was being closed.
        _end(list(tokens.waiting()[:HOME_BATCH]), outcome=Outcome.CLOSED, now=now)


def _free_places(room: WaitingRoom, now: dt.datetime) -> int:
    inside = QueueToken.objects.active().filter(room=room).count()
    return max(
        0, min(room.capacity - inside, room.admit_per_minute - _admitted_last_minute(room, now))
    )


def _admitted_last_minute(room: WaitingRoom, now: dt.datetime) -> int:
    since = now - dt.timedelta(minutes=1)
    return QueueToken.objects.filter(room=room, available_at__gt=since).count()


def _let_in(room: WaitingRoom, places: int, settled: int) -> int:
    line = QueueToken.objects.waiting().filter(room=room, position__lte=settled)
    # Waits for whoever is just leaving rather than skip a locked row: skipping is overtaking.
    first = list(line.select_for_update(no_key=True).order_by("position")[:places])
    # After the count of places: whoever left one of them left it before this moment.
    now = database_now()
    return QueueToken.objects.filter(pk__in=[token.pk for token in first]).update(
        status=Status.ACTIVE,
        available_at=now,
        expires_at=now + dt.timedelta(seconds=room.active_seconds),
        last_request_at=now,
    )


def require_admission(*, user: User, room_id: int, token: uuid.UUID | None = None) -> QueueToken:
    """The gate for looking: the user's token, if it lets them into this room now.

    Without ``token`` the user's own live one in the room counts. Raises QueueNotAdmitted.
    """
    found = _find_token(QueueToken.objects.all(), user=user, room_id=room_id, token=token)
    require_still_inside(found, database_now())
    return found


def lock_admission(*, user: User, room_id: int, token: uuid.UUID | None = None) -> QueueToken:
    """The gate for buying: the same token, locked, first in the lock order.

    All of a user's attempts in a room queue up behind this lock. It says that the token was
    admitted; whether its time is over is for require_still_inside, with the clock read after
    the caller's last lock. Inside a transaction only. Raises QueueNotAdmitted.
    """
    tokens = QueueToken.objects.select_for_update(of=("self",), no_key=True)
    return _find_token(tokens.select_related("room"), user=user, room_id=room_id, token=token)


def require_still_inside(token: QueueToken, now: dt.datetime) -> None:
    """Raises QueueNotAdmitted when the stay is over at ``now``, the database's clock."""
    if not token.admits(now):
        raise QueueNotAdmitted


def _find_token(
    tokens: QueueTokenQuerySet, *, user: User, room_id: int, token: uuid.UUID | None
) -> QueueToken:
    mine = tokens.filter(user=user, room=room_id, status=Status.ACTIVE)
    found = (mine if token is None else mine.filter(pk=token)).first()
    if found is None:
        raise QueueNotAdmitted
    return found


def extend_stay(token: QueueToken, *, until: dt.datetime) -> None:
    """Let somebody who holds a seat stay long enough to pay for it.

    Bounded: never longer than one hold past the room's own time, however often they hold. The
    caller holds the token's lock.
    """
    if token.available_at is None:
        raise QueueNotAdmitted
    longest = settings.HOLD_SECONDS + settings.PAYMENT_SECONDS
    stay = dt.timedelta(seconds=token.room.active_seconds + longest)
    latest = token.available_at + stay
    QueueToken.objects.filter(pk=token.pk).update(
        expires_at=Greatest("expires_at", min(until, latest))
    )


def finish(token: QueueToken, *, now: dt.datetime) -> None:
    """The buyer is done: the place inside is free. The caller holds the token's lock."""
    _end([token], outcome=Outcome.PAID, now=now)


def _end(tokens: Sequence[QueueToken], *, outcome: Outcome, now: dt.datetime) -> None:
    """End tokens whose row locks the caller holds, and write their history."""
    if not tokens:
        return
    QueueToken.objects.filter(pk__in=[token.pk for token in tokens]).update(
        status=Status.EXPIRED, expires_at=now
    )
    QueueEntryHistory.objects.bulk_create(
        [
            QueueEntryHistory(
                user_id=token.user_id,
                token=token,
                entered_at=token.issued_at,
                admitted_at=token.available_at,
                exited_at=now,
                outcome=outcome,
            )
            for token in tokens
        ],
        batch_size=1000,
    )


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
        tokens = list(line.order_by("position")[:HOME_BATCH])
        _end(tokens, outcome=Outcome.CLOSED, now=database_now())
    return len(tokens)


def with_line_counts(rooms: QuerySet[WaitingRoom]) -> QuerySet[WaitingRoom]:
    """Rooms with ``waiting_count`` and ``active_count``: how many are in line, how many inside."""
    return rooms.annotate(
        waiting_count=_count_of(QueueToken.objects.waiting()),
        active_count=_count_of(QueueToken.objects.active()),
    )


def _count_of(tokens: QueueTokenQuerySet) -> Coalesce:
    of_room = tokens.filter(room=OuterRef("pk")).order_by().values("room")
    return Coalesce(Subquery(of_room.annotate(n=Count("pk")).values("n")), 0)
