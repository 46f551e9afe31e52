"""Somebody's place in line: join, ask, leave."""

import datetime as dt
import math
import uuid
from dataclasses import dataclass

from django.db import connection, transaction

from accounts.models import User
from concertbook.clock import database_now
from concertbook.errors import NotFound
from queueing.errors import WaitingRoomClosed, WaitingRoomDraining
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom, new_token
from queueing.services.admission import admit, admitted_last_minute
from queueing.services.endings import end_tokens

Outcome = QueueEntryHistory.Outcome
Status = QueueToken.Status
# A poll is written back only when the last one written is older than this.
REQUEST_RESOLUTION = dt.timedelta(seconds=5)


@dataclass(frozen=True)
class Place:
    """Where somebody stands: what a poll answers. Waits are in seconds, a range and its middle.

    ``seats_left`` is None where nobody has told the line what is left to be had.
    """

    token: uuid.UUID
    room: str
    room_state: str
    status: str
    position: int
    ahead: int
    estimated_wait_seconds: int
    estimated_wait_from_seconds: int
    estimated_wait_until_seconds: int
    seats_left: int | None
    poll_after_seconds: int
    expires_at: dt.datetime | None

    @property
    def is_admitted(self) -> bool:
        return self.status == Status.ACTIVE


def join(*, user: User, slug: str) -> tuple[Place, bool]:
    """Join the room's line, or find the place already held; the flag tells which (True: new).

    Raises NotFound for an unknown room, WaitingRoomClosed and, for who is not in the line yet,
    WaitingRoomDraining. A room with room lets in at once.
    """
    room = get_room(slug)
    if room.state == WaitingRoom.State.CLOSED:
        raise WaitingRoomClosed
    _end_if_over(user=user, room=room)
    if room.state == WaitingRoom.State.DRAINING:
        return _place_held(user=user, room=room), False
    joined = _take_number(user=user, room=room)
    token = QueueToken.objects.live().filter(user=user, room=room).first()
    if token is None:
        # Ended again the moment it was there: the room was closed, or left in another window.
        raise WaitingRoomClosed
    if joined and _count_ahead(token) == 0:
        admit(room_id=room.pk)
    return get_position(user=user, token=token.pk), joined


def _place_held(*, user: User, room: WaitingRoom) -> Place:
    place = find_place(user=user, room=room)
    if place is None:
        raise WaitingRoomDraining
    return place


def _end_if_over(*, user: User, room: WaitingRoom) -> None:
    """Somebody whose stay is over may join again without waiting for the sweep."""
    with transaction.atomic(durable=True):
        stays = QueueToken.objects.active().select_for_update(no_key=True)
        token = stays.filter(user=user, room=room).first()
        if token is not None and not token.admits(now := database_now()):
            end_tokens([token], outcome=Outcome.TIMED_OUT, now=now)


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
    wait = _estimate_wait(found, ahead, now)
    return Place(
        token=found.pk,
        room=found.room.slug,
        room_state=found.room.state,
        status=status,
        position=found.position,
        ahead=ahead,
        estimated_wait_seconds=wait,
        estimated_wait_from_seconds=wait,
        estimated_wait_until_seconds=wait,
        seats_left=None,
        poll_after_seconds=poll_after_seconds(ahead),
        expires_at=found.expires_at,
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
    per_minute = admitted_last_minute(room, now) or min(turnover, room.admit_per_minute)
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
            end_tokens([found], outcome=Outcome.LEFT, now=database_now())
    admit(room_id=found.room_id)
