"""The gate: which tokens may look and buy now, and for how long."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from accounts.models import User
from concertbook.db.arrays import array
from concertbook.db.clock import StatementTime
from concertbook.db.prepared import AnyOf, Param, Prepared, PreparedLock
from concertbook.db.statements import execute
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueEntryHistory, QueueToken, QueueTokenQuerySet
from queueing.services.endings import end_tokens


def require_admission(*, user: User, room_id: int, token: uuid.UUID | None = None) -> QueueToken:
    """The gate for looking: the user's token, if it lets them into this room now.

    Without ``token`` the user's own live one in the room counts. Raises QueueNotAdmitted.
    """
    return read_admission(user=user, room_id=room_id, token=token)[0]


def read_admission(
    *, user: User, room_id: int, token: uuid.UUID | None = None
) -> tuple[QueueToken, dt.datetime]:
    """As require_admission, with the database's clock. One statement."""
    found = find_admission(user=user, room_id=room_id, token=token)
    now: dt.datetime = found.read_at  # type: ignore[attr-defined]
    require_still_inside(found, now)
    return found, now


def find_admission(*, user: User, room_id: int, token: uuid.UUID | None = None) -> QueueToken:
    """As require_admission, whether the token's time is over or not. Not locked."""
    inside = INSIDE.fetch(user=user.pk, room=room_id)
    found: QueueToken | None = next((each for each in inside if token in (None, each.pk)), None)
    if found is None:
        raise QueueNotAdmitted
    return found


def _inside() -> QuerySet[Any]:
    tokens = QueueToken.objects.filter(status="ACTIVE", user=Param("user"), room=Param("room"))
    return tokens.order_by().annotate(read_at=StatementTime())


INSIDE: Prepared[Any] = Prepared(_inside)


def lock_admissions(
    *, user_ids: Sequence[uuid.UUID], tokens: Sequence[uuid.UUID], wait: bool
) -> dict[tuple[uuid.UUID, uuid.UUID], QueueToken]:
    """The gate for buying: those of these tokens that were admitted, locked, by user and token.

    First in the lock order: all of a user's attempts in a room queue up behind this lock. Without
    ``wait`` a token that another transaction has locked is missing. Whether a token's time is over
    is for require_still_inside, with the clock read after the caller's last lock. Inside a
    transaction only.
    """
    found = SHOWN_TOKENS.fetch(wait=wait, users=list(user_ids), tokens=list(tokens))
    return {(token.user_id, token.pk): token for token in found}


def read_admissions(*, user_ids: Sequence[uuid.UUID]) -> list[QueueToken]:
    """All admitted tokens of these users as they are now, whether they are locked or not."""
    return ADMITTED_TOKENS.fetch(users=list(user_ids))


def admitted_tokens() -> QueueTokenQuerySet:
    """The tokens of ``AnyOf("user", "users")`` that let into a room, in the order of the rooms."""
    active = QueueToken.objects.filter(AnyOf("user", "users"), status="ACTIVE")
    # By the column: ordering by the room would join it, and lock it for all buyers.
    active = active.order_by("room_id")
    return active.only("token", "user", "room", "status", "available_at", "expires_at")


def locked_tokens(wait: bool) -> QueueTokenQuerySet:
    """admitted_tokens, locked."""
    return admitted_tokens().select_for_update(of=("self",), no_key=True, skip_locked=not wait)


ADMITTED_TOKENS = Prepared(admitted_tokens)
SHOWN_TOKENS = PreparedLock(lambda wait: locked_tokens(wait).filter(AnyOf("pk", "tokens")))


def require_still_inside(token: QueueToken, now: dt.datetime) -> None:
    """Raises QueueNotAdmitted when the admission is over at ``now``, the database's clock."""
    if not token.admits(now):
        raise QueueNotAdmitted


def extend_admissions(tokens: Sequence[QueueToken], *, until: dt.datetime) -> None:
    """Extend the admissions of buyers who hold seats, so that they can pay for them.

    Bounded: never longer than one hold past the room's own time, however often they hold. The
    caller holds the tokens' locks. One statement; none if all admissions last that long.
    """
    too_short = [token.pk for token in tokens if token.expires_at and token.expires_at < until]
    if not too_short:
        return
    execute(
        """
        UPDATE queueing_queuetoken AS token
        SET expires_at = greatest(token.expires_at, least(
            %(until)s, token.available_at + make_interval(
                secs => room.active_seconds + %(longer)s)))
        FROM queueing_waitingroom AS room
        WHERE room.id = token.room_id AND token.token = ANY(%(tokens)s::uuid[])
        """,
        {
            "until": until,
            "longer": settings.HOLD_SECONDS + settings.PAYMENT_SECONDS,
            "tokens": array(too_short),
        },
    )


def finish(tokens: Sequence[QueueToken], *, now: dt.datetime) -> None:
    """These buyers are done: their places are free. The caller holds the tokens' locks."""
    pks = [token.pk for token in tokens]
    end_tokens(pks, outcome=QueueEntryHistory.Outcome.PAID, now=now)
