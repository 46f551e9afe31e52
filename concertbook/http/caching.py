"""Cache-Control: no cache stores an answer, unless its view declares it public."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import patch_cache_control
from django.views.decorators.http import conditional_page

from concertbook.http.compression import compressed

View = Callable[..., Any]

# The default of every answer by Django (concertbook.http.middleware) and by the fast path.
NO_STORE = "no-store"

FOREVER_SECONDS = 365 * 24 * 3600
# For so long our own cache keeps what never changes; headers may change with a new release.
KEPT_SECONDS = 60


@dataclass(frozen=True)
class PublicPolicy:
    """How the answers of a public address are cached.

    ``seconds``: for so long a cache in front of us may use an answer without asking; our own
    (concertbook.http.public_cache) builds a new one after as many, or after ``rebuilt_after``. 0:
    caches revalidate before each use, and our own has none. ``parameters``: the query parameters
    that the view reads; for the others the answer is the same. ``translated``: successful answers
    are in the request's language. ``immutable``: a successful answer never changes, and its view
    compresses it.
    """

    seconds: int = 0
    parameters: frozenset[str] = frozenset()
    translated: bool = False
    immutable: bool = False
    rebuilt_after: float | None = None

    @property
    def young_seconds(self) -> float:
        """The age in seconds up to which our own cache sends an answer."""
        return self.seconds if self.rebuilt_after is None else self.rebuilt_after


def immutable(view: View) -> View:
    """Mark a view whose successful answer is the same for every visitor, for ever."""
    return _marked(view, PublicPolicy(KEPT_SECONDS, immutable=True))


def public(
    view: View,
    *,
    seconds: int = 0,
    parameters: Sequence[str] = (),
    translated: bool = False,
    rebuilt_after: float | None = None,
) -> View:
    """Mark a view whose answer is the same for every visitor (PublicPolicy).

    The view sees an anonymous request without cookies (concertbook.http.public_requests).
    """
    policy = PublicPolicy(seconds, frozenset(parameters), translated, rebuilt_after=rebuilt_after)
    return _marked(view, policy)


def _marked(view: View, policy: PublicPolicy) -> View:
    marked: View = conditional_page(compressed(_with_cache_control(view, policy)))
    marked.public_policy = policy  # type: ignore[attr-defined]
    return marked


def _with_cache_control(view: View, policy: PublicPolicy) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code >= 500:
            return response
        if policy.immutable and response.status_code == 200:
            patch_cache_control(response, public=True, max_age=FOREVER_SECONDS, immutable=True)
        elif policy.seconds and not policy.immutable:
            patch_cache_control(
                response,
                public=True,
                max_age=0,
                s_maxage=policy.seconds,
                stale_while_revalidate=policy.seconds,
            )
        else:
            patch_cache_control(response, public=True, no_cache=True)
        return response

    return answer
