"""Requests per user: one limit for all requests of a logged-in user.

The API's throttle counts here, and RateLimitMiddleware for pages. The fast path of holds and
payments (payments.fast_path) counts the requests that do not succeed: successful ones are limited
by seats and money, and make no round trip to Redis. Requests that fall through are counted by
Django. Polls and joins on the fast path have limits of their own (queueing.line). Requests without
a user are not counted: sign-up and log-in have limits per address (accounts.rate_limits), other
public pages are left to the reverse proxy.
"""

import uuid

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from concertbook.http.rate_limit import Counter, Limit, take

WINDOW_SECONDS = 10


class RequestsPerUser(BaseThrottle):
    def allow_request(self, request: Request, view: object) -> bool:
        if request.user.is_authenticated:
            count_request(request.user.pk)
        return True


def count_request(user_id: uuid.UUID) -> None:
    """Count a request of this user. Raises TooManyRequests. One round trip."""
    take(counter_of(user_id))


def counter_of(user_id: uuid.UUID) -> Counter:
    """The user's counter, for scripts that count the request themselves."""
    return Limit("requests", settings.REQUESTS_PER_USER, WINDOW_SECONDS).of(user_id)
