"""Where somebody stands: the index answers, or the table for whom the index does not know."""

import datetime as dt
import random
import threading
import time
import uuid
from dataclasses import dataclass, replace

from accounts.models import User
from concertbook.db.clock import database_now
from concertbook.db.literals import checked
from concertbook.errors import NotFound, TooManyRequests, Unavailable
from queueing.line import polls
from queueing.line.errors import AskedTooOften, LineUnavailable, UnknownPerson
from queueing.line.poll_interval import LATEST_POLL, POLLS_SPREAD, SOONEST_POLL
from queueing.line.records import QueueStatus, from_milliseconds, to_milliseconds
from queueing.models import QueueToken, WaitingRoom, room_of
from queueing.services import forecast
from queueing.services.snapshots import UNMEASURED, snapshot_of

State = WaitingRoom.State
Status = QueueToken.Status
# A poll that the table answers is written only when the last one written is older than this.
REQUEST_RESOLUTION = dt.timedelta(seconds=5)
# The table counts exactly so many people ahead; beyond that the numbers drawn must do.
COUNTED_AHEAD = 10_000
# Polls a second that each process lets through to the table, when the index is lost or does not
# know the person, and for how many seconds the others are told to be patient: buyers need the
# database more.
POLLS_OF_TABLE = 50
PATIENCE = (10, 60)


@dataclass(frozen=True)
class QueuePosition:
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


def get_position(*, user: User, token: uuid.UUID, address: str = "") -> QueuePosition:
    """The user's place in line, and a sign of life. Raises as ask does."""
    return ask(user_id=user.pk, token=token, address=address)


def ask(*, user_id: uuid.UUID, token: uuid.UUID, address: str) -> QueuePosition:
    """The index answers, or the table for whom the index does not know.

    Raises NotFound for anybody else's token, TooManyRequests, and Unavailable when too many have
    to ask the table.
    """
    try:
        return poll(token=token, user_id=user_id, address=address)
    except UnknownPerson:
        _table.require()
        waiting = QueueToken.objects.filter(checked("status", "WAITING"), pk=token, user=user_id)
        position = waiting.values_list("position", flat=True).first()
        if position is not None:
            return enter(user_id=user_id, token=token, position=position, address=address)
    except LineUnavailable:
        _table.require()
    return _ask_table(user_id=user_id, token=token)


def enter(*, user_id: uuid.UUID, token: uuid.UUID, position: int, address: str) -> QueuePosition:
    """The place of somebody who waits at this position, by a commit, and is not in the index."""
    try:
        found = polls.poll(room_of(token), token, user_id, address=address, position=position)
    except (LineUnavailable, UnknownPerson):
        return _ask_table(user_id=user_id, token=token)
    return _place(token, found)


def find_place(*, user: User, room: WaitingRoom, address: str = "") -> QueuePosition | None:
    """The user's place in the room's line and a sign of life; None when they are not in it."""
    tokens = QueueToken.objects.live().filter(user=user, room=room)
    token = tokens.values_list("pk", flat=True).first()
    return None if token is None else get_position(user=user, token=token, address=address)


class Patience:
    """Lets so many through each second, and tells the others to come later."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._left = float(per_second)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def require(self) -> None:
        """Raises Unavailable."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self.per_second, self._left + (now - self._at) * self.per_second)
            self._at = now
            if self._left < 1:
                raise Unavailable(retry_after=random.randint(*PATIENCE))
            self._left -= 1


_table = Patience(POLLS_OF_TABLE)


def poll(
    *, token: uuid.UUID, user_id: uuid.UUID, address: str, session: str | None = None
) -> QueuePosition:
    """What the index knows of the place, in one round trip to Redis and without SQL.

    With ``session``, a key of the cache, only for a session that is there. Raises
    TooManyRequests, and UnknownPerson, UnknownSession or LineUnavailable when the index cannot
    tell.
    """
    try:
        return _place(
            token, polls.poll(room_of(token), token, user_id, address=address, session=session)
        )
    except AskedTooOften as often:
        raise TooManyRequests(retry_after=often.retry_after) from None


def _place(token: uuid.UUID, found: QueueStatus) -> QueuePosition:
    room = found.room
    if _status(found) == Status.WAITING:
        opens_in = room.opens_at / 1000 - time.time() if room.state == State.SCHEDULED else 0
        wait = forecast.wait(ahead=found.ahead, fast=room.fast, slow=room.slow, opens_in=opens_in)
    else:
        wait = forecast.NO_WAIT
    return QueuePosition(
        token=token,
        room=room.slug,
        room_state=room.state,
        status=_status(found),
        position=found.position,
        ahead=found.ahead,
        estimated_wait_seconds=wait.likely,
        estimated_wait_from_seconds=wait.fastest,
        estimated_wait_until_seconds=wait.slowest,
        seats_left=found.seats_left,
        poll_after_seconds=found.poll_after,
        expires_at=None if found.expires_at is None else from_milliseconds(found.expires_at),
    )


def _status(found: QueueStatus) -> Status:
    if found.over:
        return Status.EXPIRED
    return Status.WAITING if found.expires_at is None else Status.ACTIVE


def _ask_table(*, user_id: uuid.UUID, token: uuid.UUID) -> QueuePosition:
    found = QueueToken.objects.select_related("room").filter(pk=token, user=user_id).first()
    if found is None:
        raise NotFound
    now = database_now()
    _note_request(found, now)
    place = _place(token, _status_in_table(found))
    if found.status == Status.WAITING or found.admits(now):
        return place
    return replace(place, status=Status.EXPIRED)


def _note_request(token: QueueToken, now: dt.datetime) -> None:
    if token.status != Status.EXPIRED and token.last_request_at < now - REQUEST_RESOLUTION:
        QueueToken.objects.live().filter(pk=token.pk).update(last_request_at=now)


def _status_in_table(token: QueueToken) -> QueueStatus:
    """What the index would answer, but for when to ask again: that is by the line's length alone.

    The pace and the opening only spread the polls more, and those that the table cannot bear are
    told to come later anyway.
    """
    ahead = _count_ahead(token) if token.status == Status.WAITING else 0
    return QueueStatus(
        position=token.position,
        ahead=ahead,
        expires_at=to_milliseconds(token.expires_at) if token.expires_at else None,
        poll_after=min(SOONEST_POLL + ahead // POLLS_SPREAD, LATEST_POLL),
        room=snapshot_of(token.room, UNMEASURED, full=True),
        seats_left=None,
    )


def _count_ahead(token: QueueToken) -> int:
    line_ahead = QueueToken.objects.waiting().filter(
        room=token.room_id, position__lt=token.position
    )
    counted = line_ahead.order_by()[: COUNTED_AHEAD + 1].count()
    if counted <= COUNTED_AHEAD:
        return counted
    first = line_ahead.order_by("position").values_list("position", flat=True)[0]
    return token.position - first
