"""What a cache may keep: nothing, unless a view says that its answer is for everybody."""

from collections.abc import Callable
from typing import Any

from django.views.decorators.cache import cache_control
from django.views.decorators.http import conditional_page

from concertbook.http.compression import compressed

# The default of every answer, of Django (concertbook.http.middleware) and of the fast path.
NO_STORE = "no-store"


def for_everybody(view: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a view whose answer is the same for every visitor.

    A cache asks before each use, and is told 304 when the answer is as it was.
    """
    kept = cache_control(public=True, no_cache=True)(view)
    return conditional_page(compressed(kept))
