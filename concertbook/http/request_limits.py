"""Requests per user: one limit over everything that a logged-in user can do.

The API's throttle counts here, and RateLimitMiddleware for pages. The fast path of the sale
(payments.fast_path) counts the requests that do not succeed: those that do are limited by seats and
money, and make no round trip to Redis. Requests that fall through to Django are counted there.
Polls and joins that are answered before Django have limits of their own (queueing.line). Requests
without a user are not counted: sign-up and log-in have limits per address (accounts.rate_limits),
other public pages are the proxy's matter.
"""

import uuid

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from concertbook.http.rate_limit import Limit, take

WINDOW_SECONDS = 10


class RequestsPerUser(BaseThrottle):
    def allow_request(self, request: Request, view: object) -> bool:
        if request.user.is_authenticated:
            count_request(request.user.pk)
        return True


def count_request(user_id: uuid.UUID) -> None:
    """Count a request of this user. Raises TooManyRequests. One round trip."""
    take(Limit("requests", settings.REQUESTS_PER_USER, WINDOW_SECONDS).of(user_id))
