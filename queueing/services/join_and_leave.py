"""Take a place in line, or give it up."""

import contextlib
import uuid
from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.module_loading import import_string

from accounts.models import User, rehearsal_of
from concertbook.db.clock import StatementTime, database_now
from concertbook.db.prepared import Param, Prepared
from concertbook.db.statements import fetch_first
from concertbook.errors import NotFound, TooManyRequests
from queueing.errors import WaitingRoomClosed, WaitingRoomDraining
from queueing.line import joins
from queueing.line.errors import AskedTooOften, LineUnavailable
from queueing.models import Draw, QueueEntryHistory, QueueToken, WaitingRoom, new_token, room_of
from queueing.services import index_updates
from queueing.services.admission import admit, admit_now
from queueing.services.endings import end_tokens
from queueing.services.entries import entry_of
from queueing.services.polling import enter, find_position
from queueing.services.queue_position import QueuePosition

Outcome = QueueEntryHistory.Outcome
Status = QueueToken.Status


def join(*, user: User, slug: str, address: str = "") -> tuple[QueuePosition, bool]:
    """Join the room's line, or find the place already held; the flag tells which (True: new).

    ``address`` is the client's, for the limits. Raises NotFound for an unknown room,
    WaitingRoomClosed (WaitingRoomDraining) and TooManyRequests. A room with room lets in at once.
    """
    with contextlib.suppress(LineUnavailable):  # without Redis nothing is counted
        count_join(user_id=user.pk, address=address)
    place = join_anew(user_id=user.pk, slug=slug, address=address)
    return (place, True) if place else _join_again(user=user, slug=slug, address=address)


def count_join(*, user_id: uuid.UUID, address: str, session: str | None = None) -> None:
    """Raises TooManyRequests, UnknownSession for a key that the cache has not, LineUnavailable."""
    try:
        joins.count_join(user_id, address=address, session=session)
    except AskedTooOften as often:
        raise TooManyRequests(retry_after=often.retry_after) from None


def join_anew(*, user_id: uuid.UUID, slug: str, address: str) -> QueuePosition | None:
    """Join as a user who is not in the line: one statement, and one round trip to Redis.

    None when there is no such room, it takes no one, it is not of the user's rehearsal, or the
    user is in its line already.
    """
    joined = _take_number(user_id=user_id, slug=slug)
    if joined is None:
        return None
    token, position = joined
    place = enter(user_id=user_id, token=token, position=position, address=address)
    # The first in line asks also when no place was free: one may have been left since.
    if place.status != Status.WAITING or place.ahead >= max(1, place.free):
        return place
    admit_now(room_id=room_of(token))
    return enter(user_id=user_id, token=token, position=position, address=address)


def _take_number(*, user_id: uuid.UUID, slug: str) -> tuple[uuid.UUID, int] | None:
    """Insert the user's token in one statement; None when the room or a live token says no.

    The shared lock is taken before the number is drawn and held until the commit: it is how
    admission knows that every number it has seen drawn is either visible or will never be (see
    positions.settled_position). The token tells its room in its first 32 bits (see new_token).
    """
    joined: tuple[uuid.UUID, int] | None = fetch_first(
        """
        INSERT INTO queueing_queuetoken
            (token, user_id, room_id, position, status, issued_at, last_request_at)
        SELECT (lpad(to_hex(room.id), 8, '0') || %(random)s)::uuid, %(user)s, room.id,
               nextval(('queueing_position_' || room.id)::regclass), 'WAITING',
               clock_timestamp(), clock_timestamp()
        FROM queueing_waitingroom room
        JOIN accounts_user person ON person.id = %(user)s AND person.is_active
        CROSS JOIN LATERAL pg_advisory_xact_lock_shared(hashtextextended(room.id::text, 0))
        WHERE room.slug = %(slug)s AND room.state NOT IN ('DRAINING', 'CLOSED')
          AND room.published_at <= statement_timestamp()
          AND room.rehearsal = person.rehearsal AND NOT EXISTS (
            SELECT FROM queueing_queuetoken
            WHERE user_id = %(user)s AND room_id = room.id AND status <> 'EXPIRED'
        )
        ON CONFLICT (user_id, room_id) WHERE is_live DO NOTHING
        RETURNING token, position
        """,
        {"random": new_token(0).hex[8:], "user": user_id, "slug": slug},
    )
    return joined


def _join_again(*, user: User, slug: str, address: str) -> tuple[QueuePosition, bool]:
    """Find the place already held, or join after an admission that is over, or say why not."""
    room = get_room(slug, viewer=user)
    if _end_if_over(user=user, room=room):
        return join(user=user, slug=slug, address=address)
    if place := find_position(user=user, room=room, address=address):
        return place, False
    # Another window has ended that admission and is about to join: one of the two joins.
    if place := join_anew(user_id=user.pk, slug=slug, address=address):
        return place, True
    if place := find_position(user=user, room=room, address=address):
        return place, False
    if room.state == WaitingRoom.State.DRAINING:
        raise WaitingRoomDraining
    # Closed, or ended again the moment it was there: closed, or left in another window.
    raise WaitingRoomClosed


def _end_if_over(*, user: User, room: WaitingRoom) -> bool:
    """A user whose admission is over may join again without waiting for the tick."""
    with transaction.atomic(durable=True):
        # In no order, as there is one at most: the order of the line would have its index read.
        admitted = QueueToken.objects.filter(is_live=True, status="ACTIVE", user=user, room=room)
        token = next(iter(admitted.select_for_update(no_key=True).order_by()), None)
        if token is None or token.admits(now := database_now()):
            return False
        end_tokens([token.pk], outcome=Outcome.TIMED_OUT, now=now)
    return True


def get_room(slug: str, *, viewer: object = None) -> WaitingRoom:
    """With ``read_at``, the database's clock, and ``undrawn``: it will still draw lots.

    Raises NotFound, also where the viewer may not see the room: a rehearsal's, or a draft.
    """
    room: WaitingRoom | None = ROOM.first(rehearsal=rehearsal_of(viewer), slug=slug)
    if room is None:
        raise NotFound
    return room


def _room() -> QuerySet[Any]:
    undrawn = Draw.objects.filter(room=OuterRef("pk"), room__shuffle=True, drawn_at=None)
    rooms = WaitingRoom.objects.of_rehearsal(Param("rehearsal")).filter(slug=Param("slug"))
    return rooms.annotate(read_at=StatementTime(), undrawn=Exists(undrawn))


ROOM: Prepared[Any] = Prepared(_room)


def get_room_of(token: uuid.UUID) -> WaitingRoom:
    """The room that a token tells, whether or not the token is known. Raises NotFound."""
    room = WaitingRoom.objects.filter(pk=room_of(token)).first()
    if room is None:
        raise NotFound
    return room


def leave(*, user: User, token: uuid.UUID) -> None:
    """Give the place up. Leaving twice is leaving. Raises NotFound for another user's token.

    What the user holds behind the room's door is released in the same transaction, as it could not
    be paid any more (settings.RELEASE_ON_LEAVING).
    """
    with transaction.atomic(durable=True):
        mine = QueueToken.objects.select_for_update(no_key=True).filter(pk=token, user=user)
        found = mine.first()
        if found is None:
            raise NotFound
        if found.status != Status.EXPIRED:
            _release()(user=user, room_id=found.room_id)
            end_tokens([found.pk], outcome=Outcome.LEFT, now=database_now())
    index_updates.forget(found.room_id, [entry_of(found)])
    admit(room_id=found.room_id, may_draw=False)


class Release(Protocol):
    """What releases the user's holds behind the door: of an app above, which is not imported."""

    def __call__(self, *, user: User, room_id: int) -> None: ...


@cache
def _release() -> Release:
    release: Release = import_string(settings.RELEASE_ON_LEAVING)
    return release
