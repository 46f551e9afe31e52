"""Delete the keys of ended sessions from a Redis that was away or came back with older data.

1. Ending a session records it in the same transaction and deletes its key (accounts/sessions.py).
   The deletion fails silently while Redis is out of reach.
2. A sweep deletes the keys of all sessions that ended since the last complete sweep. The time of
   that sweep is stored in Redis itself: a Redis with older data has an older time, and a flushed
   one has none, so that the sweep repeats what was lost.
"""

import datetime as dt
from collections.abc import Iterator
from itertools import islice

from django.conf import settings
from django.core.cache import caches

from accounts.models import EndedSession
from accounts.sessions import forget
from concertbook.db.clock import database_now

SWEPT_UNTIL = "accounts.services.ended_sessions.swept_until"
# Longer than a transaction that ends sessions: its rows become visible at its commit, with the
# earlier time of its statement.
OVERLAP = dt.timedelta(minutes=10)
BATCH = 1000


def forget_ended_sessions() -> int:
    """Returns how many sessions' keys were certainly deleted; 0 while Redis is away."""
    now = database_now()
    # Redis keeps a session no longer than this.
    kept = dt.timedelta(seconds=settings.SESSION_COOKIE_AGE)
    EndedSession.objects.filter(ended_at__lt=now - kept).delete()
    cache = caches[settings.SESSION_CACHE_ALIAS]
    ended, forgotten = _ended_since(cache.get(SWEPT_UNTIL)), 0
    while batch := list(islice(ended, BATCH)):
        if not forget(batch):
            return 0
        forgotten += len(batch)
    cache.set(SWEPT_UNTIL, now, timeout=None)
    return forgotten


def _ended_since(swept_until: dt.datetime | None) -> Iterator[str]:
    ended = EndedSession.objects.values_list("pk", flat=True)
    if swept_until is not None:
        ended = ended.filter(ended_at__gte=swept_until - OVERLAP)
    return ended.iterator(chunk_size=BATCH)
