"""Which requests are public, and what is left of them: nothing that tells visitors apart.

Public are GET and HEAD of an address whose view is marked (concertbook.http.caching.public).
Cookies and credentials of such a request are dropped before any middleware or view reads them, so
the answer cannot depend on them. Its language is that of the address, else the best for
Accept-Language; never that of a cookie.
"""

import functools
import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.urls import URLResolver, get_resolver
from django.utils.translation import get_language_from_request

from concertbook.http.caching import PublicPolicy
from concertbook.http.languages import named_language

METHODS = ("GET", "HEAD")
PERSONAL = ("HTTP_COOKIE", "HTTP_AUTHORIZATION")


class PublicRequestMiddleware:
    """Makes public requests anonymous; ``request.public_policy`` is None for the others."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        policy = find_policy(request.path_info) if request.method in METHODS else None
        request.public_policy = policy  # type: ignore[attr-defined]
        if policy is None:
            return self.get_response(request)
        request.COOKIES = {}
        for name in PERSONAL:
            request.META.pop(name, None)
        accepted = request.META.get("HTTP_ACCEPT_LANGUAGE", "")
        request.META["HTTP_ACCEPT_LANGUAGE"] = language_of(request.path_info, accepted)
        response = self.get_response(request)
        _drop_vary(response, "cookie")
        is_untranslated = response.status_code in (200, 304) and not policy.translated
        if is_untranslated:
            response.headers.pop("Content-Language", None)
        if is_untranslated or named_language(request.path_info):
            _drop_vary(response, "accept-language")
        return response


def _drop_vary(response: HttpResponse, name: str) -> None:
    """The header was not read, though a middleware says so: it was dropped before."""
    names = [each.strip() for each in response.get("Vary", "").split(",")]
    kept = [each for each in names if each.lower() not in (name, "")]
    if kept:
        response["Vary"] = ", ".join(kept)
    else:
        response.headers.pop("Vary", None)


def find_policy(path: str) -> PublicPolicy | None:
    """The policy of a public address; None for an address that is not public."""
    expression, policies = _public_addresses()
    found = expression.fullmatch(path)
    return policies[found.lastgroup or ""] if found else None


def public_routes() -> list[tuple[str, PublicPolicy]]:
    """Every public address: the expression that its path matches, and its policy."""
    return list(_public_routes(get_resolver(), "/"))


@functools.cache
def _public_addresses() -> tuple[re.Pattern[str], dict[str, PublicPolicy]]:
    """One expression for all public paths, with a group for each."""
    routes = {f"public_{number}": route for number, route in enumerate(public_routes())}
    parts = (f"(?P<{name}>{path})" for name, (path, _policy) in routes.items())
    policies = {name: policy for name, (_path, policy) in routes.items()}
    return re.compile("|".join(parts)), policies


def _public_routes(resolver: URLResolver, before: str) -> Iterator[tuple[str, PublicPolicy]]:
    for each in resolver.url_patterns:
        path = before + _expression(each)
        if isinstance(each, URLResolver):
            yield from _public_routes(each, path)
        elif policy := getattr(each.callback, "public_policy", None):
            yield path, policy


def _expression(pattern: Any) -> str:
    """What the pattern matches, without names of groups: two patterns may use the same."""
    expression = pattern.pattern.regex.pattern.removeprefix("^").removesuffix(r"\Z")
    return re.sub(r"\(\?P<\w+>", "(?:", expression)


def language_of(path: str, accept_language: str) -> str:
    """The language of the answer to a public request."""
    return named_language(path) or _negotiated_language(accept_language)


@functools.lru_cache(maxsize=1000)
def _negotiated_language(accept_language: str) -> str:
    environ = {
        "REQUEST_METHOD": "GET",
        "wsgi.input": BytesIO(),
        "HTTP_ACCEPT_LANGUAGE": accept_language,
    }
    return get_language_from_request(WSGIRequest(environ))
