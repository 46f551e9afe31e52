"""Tell buyers that it is their turn: by push message if they asked for it, by mail if away.

The messages are written in the transaction of the admission, by one statement; the outbox sends
them (accounts/services/outbox.py).
"""

import datetime as dt
import uuid
from collections.abc import Sequence

from django.db import transaction

from accounts.models import User
from accounts.services.push_subscriptions import subscribe
from concertbook.db.arrays import array
from concertbook.db.statements import execute
from concertbook.errors import NotFound
from queueing.line.records import IndexWatermark, to_milliseconds
from queueing.models import QueueToken

# Without a poll for so long a page is closed. A page that watches the front polls every 80 s, and
# polls are written to the table every 30 s.
AWAY_AFTER = dt.timedelta(seconds=150)
# The token and its user.
Holder = tuple[uuid.UUID, uuid.UUID]


def tell_my_turn(*, user: User, token: uuid.UUID, endpoint: str, p256dh: str, auth: str) -> None:
    """Have this browser of the user's told when it is the turn of this place; also a second time.

    Raises NotFound for a place that is not theirs or does not wait, and Malformed.
    """
    with transaction.atomic(durable=True):
        waiting = QueueToken.objects.filter(status="WAITING", pk=token, user=user)
        if not waiting.update(wants_push=True):
            raise NotFound
        subscribe(user=user, endpoint=endpoint, p256dh=p256dh, auth=auth)


def knows_silence(watermark: IndexWatermark | None, now: dt.datetime) -> bool:
    """Whether the table tells who is away: only the index notes polls, and while the line stands
    still no poll is due."""
    moving_since = watermark.moving_since if watermark else 0
    return bool(moving_since) and to_milliseconds(now - AWAY_AFTER) >= moving_since


def tell_admitted(*, pushed: Sequence[Holder], mailed: Sequence[Holder]) -> None:
    """Write the messages to these holders, in the transaction that admits them.

    Mails go to confirmed addresses only, and nothing goes to the buyers of rehearsals.
    """
    if not pushed and not mailed:
        return
    execute(
        """
        WITH told AS (
            SELECT 'PUSH' AS channel, 'turn_push' AS kind, token, user_id
            FROM unnest(%(pushed)s::uuid[], %(their_users)s::uuid[]) place (token, user_id)
            UNION ALL
            SELECT 'MAIL', 'turn', token, user_id
            FROM unnest(%(mailed)s::uuid[], %(users)s::uuid[]) place (token, user_id)
        )
        INSERT INTO accounts_outgoingmessage
            (channel, kind, is_urgent, user_id, recipient, data, message_id, status)
        SELECT channel, kind, true, account.id, address.recipient,
               jsonb_build_object('token', token), gen_random_uuid(), 'QUEUED'
        FROM told
        JOIN accounts_user account ON account.id = told.user_id AND account.rehearsal = ''
        -- For each buyer by the index: a join of whole tables takes a second for a thousand.
        CROSS JOIN LATERAL (
            SELECT browser.id::text AS recipient FROM accounts_pushsubscription browser
            WHERE channel = 'PUSH' AND browser.user_id = account.id
            UNION ALL
            SELECT account.email WHERE channel = 'MAIL' AND account.email_verified_at IS NOT NULL
        ) address
        """,
        {
            "pushed": array([token for token, _user in pushed]),
            "their_users": array([user for _token, user in pushed]),
            "mailed": array([token for token, _user in mailed]),
            "users": array([user for _token, user in mailed]),
        },
    )
