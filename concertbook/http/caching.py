"""Cache-Control: no cache stores an answer, unless its view declares it public."""

from collections.abc import Callable
from typing import Any

from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page

from concertbook.http.compression import compressed

# The default of every answer by Django (concertbook.http.middleware) and by the fast path.
NO_STORE = "no-store"


def public(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorator of a view whose answer is the same for every visitor.

    Caches revalidate before each use, and get 304 when the answer is unchanged.
    """
    kept = cache_control(public=True, no_cache=True)(view)
    return conditional_page(compressed(kept))
