"""How a token ends, whatever ends it."""

import datetime as dt
from collections.abc import Sequence

from queueing.models import QueueEntryHistory, QueueToken

# No transaction ends more tokens than this at once.
BATCH = 1000


def end_tokens(
    tokens: Sequence[QueueToken], *, outcome: QueueEntryHistory.Outcome, now: dt.datetime
) -> None:
    """End tokens whose row locks the caller holds, and write their history."""
    if not tokens:
        return
    QueueToken.objects.filter(pk__in=[token.pk for token in tokens]).update(
        status=QueueToken.Status.EXPIRED, expires_at=now
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
