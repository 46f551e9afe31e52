"""The gate: who may look and buy now, for how long, and until they are done."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.conf import settings
from django.db import connection

from accounts.models import User
from concertbook.db.arrays import array
from concertbook.db.clock import database_now
from concertbook.db.literals import checked
from concertbook.db.prepared import AnyOf, Param, Prepared
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueEntryHistory, QueueToken, QueueTokenQuerySet
from queueing.services.endings import end_tokens


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
    if token is None:
        found = OWN_TOKEN.fetch(user=user.pk, room=room_id)
    else:
        found = SHOWN_TOKEN.fetch(user=user.pk, room=room_id, token=token)
    if not found:
        raise QueueNotAdmitted
    return found[0]


def lock_free_admissions(
    *, user_ids: Sequence[uuid.UUID], tokens: Sequence[uuid.UUID]
) -> dict[tuple[uuid.UUID, uuid.UUID | None], QueueToken]:
    """Those of these tokens that were admitted, locked, by user and token.

    As lock_admission, but for many people at once, and waiting for nobody: a token that somebody
    else has locked is missing.
    """
    found = FREE_TOKENS.fetch(users=list(user_ids), tokens=list(tokens))
    return {(token.user_id, token.pk): token for token in found}


def admitted_tokens() -> QueueTokenQuerySet:
    """The tokens of ``Param("user")`` that let into a room, locked, in the order of the rooms."""
    # By the column: ordering by the room would join it, and lock it for everybody.
    tokens = QueueToken.objects.select_for_update(of=("self",), no_key=True).order_by("room_id")
    return _of_the_gate(tokens.filter(user=Param("user")))


def free_admitted_tokens() -> QueueTokenQuerySet:
    """As admitted_tokens, of ``AnyOf("user", "users")``, but for those that are locked already."""
    tokens = QueueToken.objects.select_for_update(of=("self",), no_key=True, skip_locked=True)
    return _of_the_gate(tokens.filter(AnyOf("user", "users")).order_by())


def _of_the_gate(tokens: QueueTokenQuerySet) -> QueueTokenQuerySet:
    active = tokens.filter(checked("status", "ACTIVE"))
    return active.only("token", "user", "room", "status", "available_at", "expires_at")


OWN_TOKEN = Prepared(lambda: admitted_tokens().filter(room=Param("room")))
FREE_TOKENS = Prepared(lambda: free_admitted_tokens().filter(AnyOf("pk", "tokens")))
SHOWN_TOKEN = Prepared(lambda: admitted_tokens().filter(room=Param("room"), pk=Param("token")))


def require_still_inside(token: QueueToken, now: dt.datetime) -> None:
    """Raises QueueNotAdmitted when the stay is over at ``now``, the database's clock."""
    if not token.admits(now):
        raise QueueNotAdmitted


def _find_token(
    tokens: QueueTokenQuerySet, *, user: User, room_id: int, token: uuid.UUID | None
) -> QueueToken:
    mine = tokens.filter(checked("status", "ACTIVE"), user=user, room=room_id)
    found = (mine if token is None else mine.filter(pk=token)).first()
    if found is None:
        raise QueueNotAdmitted
    return found


def extend_stays(tokens: Sequence[QueueToken], *, until: dt.datetime) -> None:
    """Let these people, who hold seats, stay long enough to pay for them.

    Bounded: never longer than one hold past the room's own time, however often they hold. The
    caller holds the tokens' locks. One statement, none where all may stay that long anyway.
    """
    leaving = [token.pk for token in tokens if token.expires_at and token.expires_at < until]
    if not leaving:
        return
    with connection.cursor() as cursor:
        cursor.execute(
            """
            UPDATE queueing_queuetoken AS stay
            SET expires_at = greatest(stay.expires_at, least(
                %(until)s, stay.available_at + make_interval(
                    secs => room.active_seconds + %(longer)s)))
            FROM queueing_waitingroom AS room
            WHERE room.id = stay.room_id AND stay.token = ANY(%(tokens)s::uuid[])
            """,
            {
                "until": until,
                "longer": settings.HOLD_SECONDS + settings.PAYMENT_SECONDS,
                "tokens": array(leaving),
            },
        )


def finish(tokens: Sequence[QueueToken], *, now: dt.datetime) -> None:
    """These buyers are done: their places are free. The caller holds the tokens' locks."""
    pks = [token.pk for token in tokens]
    end_tokens(pks, outcome=QueueEntryHistory.Outcome.PAID, now=now)
