"""How often one person may ask: a limit over everything that a logged-in user can do.

Counted for the API by its throttle, for the pages by FloodMiddleware. The sale before Django
counts what it could not do together with the others (payments.front): what succeeds there is
limited by seats and money, and pays no round trip to Redis; what it leaves to Django is counted
there. The polls and joins that are answered before Django have limits of their own
(queueing.line). The anonymous are not counted: sign-up and log-in have their limits per address,
and other pages are the proxy's matter.
"""

import math
import time
import uuid

from django.conf import settings
from django_redis import get_redis_connection
from redis import RedisError
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from concertbook.errors import TooManyRequests

# Requests are counted for so many seconds.
WINDOW = 10
# So long nobody asks a Redis that did not answer: it may take half a second not to.
PAUSE = 1.0
_asks_again_at = 0.0


class RequestsPerUser(BaseThrottle):
    def allow_request(self, request: Request, view: object) -> bool:
        if request.user.is_authenticated:
            count_request(request.user.pk)
        return True


def count_request(user_id: uuid.UUID) -> None:
    """Count a request of this user. Raises TooManyRequests; without Redis nothing is counted."""
    global _asks_again_at
    if time.monotonic() < _asks_again_at:
        return
    try:
        count, milliseconds_left = _count(f"flood:{user_id}")
    except RedisError:
        _asks_again_at = time.monotonic() + PAUSE
        return
    if count > settings.REQUESTS_PER_USER:
        raise TooManyRequests(retry_after=max(1, math.ceil(milliseconds_left / 1000)))


def _count(key: str) -> tuple[int, int]:
    """How many requests this one makes, and when the count starts anew. One round trip."""
    # In a transaction: a count that ran out between the two would be begun without an end.
    together = get_redis_connection("default").pipeline(transaction=True)
    together.set(key, 0, ex=WINDOW, nx=True)
    together.incr(key)
    together.pttl(key)
    _is_new, count, milliseconds_left = together.execute()
    return count, milliseconds_left
