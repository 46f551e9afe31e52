"""How a token ends, whatever ends it."""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db.models.functions import Now

from accounts.models import User
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom

# No transaction ends more tokens than this at once.
BATCH = 1000
# An end that is longer ago is no news.
RECENT = dt.timedelta(hours=1)


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
