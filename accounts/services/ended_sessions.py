"""The keys of ended sessions leave Redis for good: one that was away, or has its old data again.

1. Who ends a session writes it down in the same transaction and deletes its key
   (accounts/sessions.py). That fails silently while Redis is out of reach.
2. A sweep deletes the keys again of all that ended since the last complete sweep. When that was
   stands in Redis itself: one that comes back older than it was knows an older sweep, and one that
   was flushed knows none, so what they have forgotten is done again.
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
# Longer than a transaction that ends sessions takes: its rows are seen after its commit, and are
# as old as its statement.
OVERLAP = dt.timedelta(minutes=10)
BATCH = 1000


def forget_ended_sessions() -> int:
    """Returns how many sessions' keys are certain to be gone. While Redis is away: none."""
    now = database_now()
    # Redis keeps no session for longer.
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
