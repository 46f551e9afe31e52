"""How a token ends, whatever ends it."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import connection

from queueing.models import QueueEntryHistory

# No transaction ends more tokens than this at once.
BATCH = 1000


def end_tokens(
    tokens: Sequence[uuid.UUID], *, outcome: QueueEntryHistory.Outcome, now: dt.datetime
) -> None:
    """End tokens whose row locks the caller holds, and write their history."""
    if not tokens:
        return
    with connection.cursor() as cursor:
        # One statement: a thousand people who time out at once are one round trip.
        cursor.execute(
            """
            WITH ended AS (
                UPDATE queueing_queuetoken SET status = 'EXPIRED', expires_at = %(now)s
                WHERE token = ANY(%(tokens)s)
                RETURNING token, user_id, issued_at, available_at
            )
            INSERT INTO queueing_queueentryhistory
                (user_id, token_id, entered_at, admitted_at, exited_at, outcome)
            SELECT user_id, token, issued_at, available_at, %(now)s, %(outcome)s FROM ended
            """,
            {"now": now, "tokens": list(tokens), "outcome": outcome.value},
        )
