"""Forms on public pages: they are the same bytes for every visitor, so they have no CSRF token."""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.http import is_same_domain
from django.views.decorators.csrf import csrf_exempt, csrf_protect

View = Callable[..., HttpResponseBase]


def same_origin_form(view: View) -> View:
    """Accept a form without a token if the browser says that it was sent from this site.

    The browser says so by Origin, or without one by ``Sec-Fetch-Site: same-origin``; scripts can
    set neither. Any other form needs the token, and one from another origin is refused.
    """
    with_token = csrf_protect(view)

    @csrf_exempt
    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        right = view if is_from_this_site(request) else with_token
        return right(request, *args, **kwargs)

    return checked


def is_from_this_site(request: HttpRequest) -> bool:
    """Whether the browser says that a page of this site sent the request."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site") == "same-origin"
    return origin == f"{request.scheme}://{request.get_host()}" or _is_trusted(origin)


def _is_trusted(origin: str) -> bool:
    """Whether CSRF_TRUSTED_ORIGINS has it, as for the token's check."""
    trusted = CsrfViewMiddleware(lambda request: None)  # type: ignore[arg-type]
    try:
        scheme, host = urlsplit(origin)[:2]
    except ValueError:
        return False
    subdomains = trusted.allowed_origin_subdomains.get(scheme, ())
    return origin in trusted.allowed_origins_exact or any(
        is_same_domain(host, pattern) for pattern in subdomains
    )
