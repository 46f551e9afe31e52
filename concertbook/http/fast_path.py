"""The fast path: the most frequent requests are answered without Django's overhead.

A WSGI application around Django's. Apps list the addresses that they answer
(queueing.fast_path, payments.fast_path) for requests with a valid credential. For all other
requests they raise FallThrough, and Django answers the same address; both call the same services.

A successful request makes no round trip for the limit on requests per user
(concertbook.http.requests_per_user): polls and joins have limits of their own, and holds and
payments are counted only when they do not succeed at once.
"""

import functools
import json
import logging
import re
from collections.abc import Callable, Iterable, Sequence
from http.client import responses
from io import BytesIO
from typing import Any

from django.conf import settings
from django.http import parse_cookie
from django.http.request import split_domain_port, validate_host
from django.utils import translation

from concertbook.errors import DomainError, InternalError, Malformed
from concertbook.http.caching import NO_STORE
from concertbook.http.common_headers import Headers, answer_language, common_headers
from concertbook.http.negotiation import JSON, accepts
from concertbook.http.problems import CONTENT_TYPE, body_bytes, domain_problem, parse_json

Environ = dict[str, Any]
Answer = tuple[str, list[tuple[str, str]], bytes]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
# Method, path, and the function, called with the environ and the path's groups.
Route = tuple[str, re.Pattern[str], Callable[..., Answer]]

logger = logging.getLogger(__name__)

# REST framework does not accept a longer Content-Type as JSON.
LONGEST_MEDIA_TYPE = 256
# Django treats a shorter session key as missing, and deletes its cookie.
SHORTEST_SESSION_KEY = 8
# Masked or not, as django.middleware.csrf writes the CSRF cookie.
CSRF_TOKEN = re.compile("(?:[a-zA-Z0-9]{32}){1,2}")


class FallThrough(Exception):
    """Raised to fall through to Django, which answers the request."""


class FastPath:
    def __init__(self, django: Application, routes: Sequence[Route]) -> None:
        self.django = django
        self.routes = routes

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Any:
        answer = None
        try:
            if "HTTP_TRANSFER_ENCODING" in environ:
                _measure(environ)
            answer = self._answer(environ)
        except FallThrough:
            pass
        except Exception:
            # After a bug here Django answers, with its own error page if it fails too.
            logger.exception("The fast path failed; Django answers")
        if answer is None:
            # Not inside ``except``: Django's log would show this exception as the context of its
            # own.
            return self._leave_to_django(environ, start_response)
        status, headers, body = answer
        start_response(status, headers)
        return [body]

    def _answer(self, environ: Environ) -> Answer:
        for method, path, answer in self.routes:
            found = environ["REQUEST_METHOD"] == method and path.fullmatch(environ["PATH_INFO"])
            if found:
                common = _require_ordinary(environ)
                try:
                    status, headers, body = answer(environ, *found.groups())
                except DomainError as refusal:
                    status, headers, body = _refuse(refusal, answer_language(common))
                return status, _with_common(headers, common), body
        raise FallThrough

    def _leave_to_django(self, environ: Environ, start_response: Callable[..., Any]) -> Any:
        try:
            return self.django(environ, start_response)
        except Exception as exc:
            # Django handles exceptions of its views and middlewares, but not a request that it
            # cannot parse, such as one with a Content-Type of ten thousand characters.
            refusal = Malformed() if isinstance(exc, ValueError) else InternalError()
            if isinstance(refusal, InternalError):
                logger.exception("Django failed before its first middleware")
            status, headers, body = _refuse(refusal, settings.LANGUAGE_CODE)
            start_response(status, [*headers, ("Cache-Control", NO_STORE)])
            return [body]


def _with_common(headers: list[tuple[str, str]], common: Headers) -> list[tuple[str, str]]:
    """The answer's own headers count before common ones; Vary has the names of both."""
    own = dict(headers)
    merged = [
        (name, f"{value}, {own.pop(name)}" if name == "Vary" and name in own else value)
        for name, value in common
        if name == "Vary" or name not in own
    ]
    return [*own.items(), *merged]


def _require_ordinary(environ: Environ) -> Headers:
    """The common headers. Raises FallThrough for a request that Django's middlewares refuse."""
    if not is_our_host(environ.get("HTTP_HOST", "")):
        raise FallThrough
    if not accepts(environ.get("HTTP_ACCEPT"), JSON):
        raise FallThrough
    if environ.get("CONTENT_LENGTH") and body_bytes(environ) > settings.API_MAX_BODY_BYTES:
        raise FallThrough
    if "HTTP_COOKIE" in environ and _has_odd_cookie(environ["HTTP_COOKIE"]):
        raise FallThrough
    return common_headers(environ)


def _has_odd_cookie(header: str) -> bool:
    """Whether a cookie of Django's is malformed: Django's answer would replace it."""
    cookies = parse_cookie(header)
    session = cookies.get(settings.SESSION_COOKIE_NAME)
    csrf_token = cookies.get(settings.CSRF_COOKIE_NAME)
    return (session is not None and len(session) < SHORTEST_SESSION_KEY) or (
        csrf_token is not None and CSRF_TOKEN.fullmatch(csrf_token) is None
    )


def _measure(environ: Environ) -> None:
    """Set the Content-Length of a chunked body: Django treats a body without a length as empty.

    A body above the limit is read only up to the limit. Raises FallThrough when the client
    disconnects.
    """
    body = _read(environ, settings.API_MAX_BODY_BYTES + 1)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


def _read(environ: Environ, length: int) -> bytes:
    try:
        body: bytes = environ["wsgi.input"].read(length)
    except OSError as exc:
        raise FallThrough from exc
    return body


@functools.lru_cache(maxsize=100)
def is_our_host(host: str) -> bool:
    """Whether Django accepts this Host header."""
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _refuse(refusal: DomainError, language: str) -> Answer:
    with translation.override(language):
        body, status, headers = domain_problem(refusal)
        return respond(f"{status} {responses[status]}", render(body), CONTENT_TYPE, **headers)


def render(body: Any) -> bytes:
    """Compact JSON; values without a JSON type (a UUID) are written as strings."""
    return _compact.encode(body).encode()


_compact = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, default=str)


def respond(status: str, content: bytes, content_type: str = JSON, **headers: str) -> Answer:
    """An answer; the common headers are added to ``headers``."""
    return (
        status,
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(content))),
            *headers.items(),
        ],
        content,
    )


def read_json(environ: Environ) -> Any:
    """The body, which Django can read again. Raises FallThrough for invalid JSON."""
    length = body_bytes(environ)
    content_type, _semicolon, _charset = environ.get("CONTENT_TYPE", "").partition(";")
    if len(environ.get("CONTENT_TYPE", "")) > LONGEST_MEDIA_TYPE:
        raise FallThrough
    if content_type != JSON or not 0 < length <= settings.API_MAX_BODY_BYTES:
        raise FallThrough
    body = _read(environ, length)
    environ["wsgi.input"] = BytesIO(body)
    if len(body) < length:
        raise FallThrough
    try:
        return parse_json(body)
    except (ValueError, RecursionError) as exc:
        raise FallThrough from exc
