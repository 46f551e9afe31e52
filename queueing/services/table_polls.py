"""Answer from the table the polls that the index cannot answer, as many as the table can bear."""

import datetime as dt
import random
import threading
import time
import uuid
from dataclasses import replace

from concertbook.db.clock import database_now
from concertbook.errors import NotFound, Unavailable
from queueing.line.poll_interval import LATEST_POLL, POLLS_SPREAD, SOONEST_POLL
from queueing.line.records import QueueStatus, to_milliseconds
from queueing.models import QueueToken
from queueing.services.queue_position import QueuePosition, Status, position_of
from queueing.services.snapshots import UNMEASURED, snapshot_of

# Polls a second that each process lets through to the table, and for how many seconds, at random
# between two bounds, the others are told to wait: buyers need the database more.
POLLS_PER_SECOND = 50
RETRY_AFTER = (10, 60)
# A poll that the table answers is written only when the last one written is older than this.
REQUEST_RESOLUTION = dt.timedelta(seconds=5)
# The table counts exactly so many people ahead; beyond that the numbers drawn must do.
COUNTED_AHEAD = 10_000


class Budget:
    """Polls a second that may ask the table."""

    def __init__(self, per_second: int) -> None:
        self.per_second = per_second
        self._left = float(per_second)
        self._at = time.monotonic()
        self._lock = threading.Lock()

    def take(self) -> None:
        """Take one poll. Raises Unavailable when none is left."""
        with self._lock:
            now = time.monotonic()
            self._left = min(self.per_second, self._left + (now - self._at) * self.per_second)
            self._at = now
            if self._left < 1:
                raise Unavailable(retry_after=random.randint(*RETRY_AFTER))
            self._left -= 1


budget = Budget(POLLS_PER_SECOND)


def poll_table(*, user_id: uuid.UUID, token: uuid.UUID) -> QueuePosition:
    """The position as the table has it; notes the request. Raises NotFound for another's token."""
    found = QueueToken.objects.select_related("room").filter(pk=token, user=user_id).first()
    if found is None:
        raise NotFound
    now = database_now()
    _note_request(found, now)
    position = position_of(token, _status_in_table(found))
    if found.status == Status.WAITING or found.admits(now):
        return position
    return replace(position, status=Status.EXPIRED)


def _note_request(token: QueueToken, now: dt.datetime) -> None:
    if token.status != Status.EXPIRED and token.last_request_at < now - REQUEST_RESOLUTION:
        QueueToken.objects.live().filter(pk=token.pk).update(last_request_at=now)


def _status_in_table(token: QueueToken) -> QueueStatus:
    """What the index would answer, but for when to poll again: that is by the line's length alone.

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
