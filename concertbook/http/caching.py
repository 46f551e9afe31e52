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


@dataclass(frozen=True)
class PublicPolicy:
    """How the answers of a public address are cached.

    ``seconds``: for so long a cache in front of us may use an answer without asking; our own
    (concertbook.http.public_cache) builds a new one after as many. 0: caches revalidate before each
    use, and our own has none. ``parameters``: the query parameters that the view reads; for the
    others the answer is the same. ``translated``: successful answers are in the request's language.
    """

    seconds: int = 0
    parameters: frozenset[str] = frozenset()
    translated: bool = False


def public(
    view: View, *, seconds: int = 0, parameters: Sequence[str] = (), translated: bool = False
) -> View:
    """Mark a view whose answer is the same for every visitor (PublicPolicy).

    The view sees an anonymous request without cookies (concertbook.http.public_requests).
    """
    policy = PublicPolicy(seconds, frozenset(parameters), translated)
    marked: View = conditional_page(compressed(_with_cache_control(view, policy)))
    marked.public_policy = policy  # type: ignore[attr-defined]
    return marked


def _with_cache_control(view: View, policy: PublicPolicy) -> View:
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        response: HttpResponseBase = view(request, *args, **kwargs)
        if response.status_code >= 500:
            return response
        if policy.seconds:
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
