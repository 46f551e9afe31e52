"""How a token ends, whatever ends it."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db.models.functions import Now

from accounts.models import User
from concertbook.db.arrays import any_of, array
from concertbook.db.statements import execute
from queueing.models import QueueEntryHistory, WaitingRoom

# No transaction ends more tokens than this at once.
BATCH = 1000
# An end that is longer ago is no news.
RECENT = dt.timedelta(hours=1)


def end_tokens(
    tokens: Sequence[uuid.UUID], *, outcome: QueueEntryHistory.Outcome, now: dt.datetime
) -> None:
    """End tokens whose row locks the caller holds, and write their history."""
    if not tokens:
        return
    # One statement: a thousand people who time out at once are one round trip.
    execute(
        f"""
        WITH ended AS (
            UPDATE queueing_queuetoken SET status = 'EXPIRED', expires_at = %(now)s
            WHERE token = {any_of("%(tokens)s", "uuid")}
            RETURNING token, user_id, issued_at, available_at
        )
        INSERT INTO queueing_queueentryhistory
            (user_id, token_id, entered_at, admitted_at, exited_at, outcome)
        SELECT user_id, token, issued_at, available_at, %(now)s, %(outcome)s FROM ended
        """,
        {"now": now, "tokens": array(tokens), "outcome": str(outcome)},
    )


def how_it_ended(*, user: User, room: WaitingRoom, token: uuid.UUID | None = None) -> str:
    """The outcome of the user's token; without one of their last in the room within the hour.

    Empty where nothing has ended, or the tick has not written it yet.
    """
    entries = QueueEntryHistory.objects.filter(user=user, token__room=room)
    if token is None:
        entries = entries.filter(exited_at__gt=Now() - RECENT)
    else:
        entries = entries.filter(token=token)
    return entries.order_by("-pk").values_list("outcome", flat=True).first() or ""
