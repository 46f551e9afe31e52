"""The poll, answered before Django: what a million people ask costs no more than it must.

A WSGI application around Django's. It answers `GET /api/v1/queue-tokens/{token}/` to whoever
shows a valid pass and is in the index, in one round trip to Redis. For everything out of the
ordinary (no pass, a session or a person that Redis does not know, no index, no Redis, a Host
that is not ours) it steps aside, and Django answers the same address with all its manners.
"""

import functools
import json
import re
import uuid
from collections.abc import Callable, Iterable
from http.cookies import CookieError, SimpleCookie
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http.request import split_domain_port, validate_host
from django.utils import translation

from accounts import passes
from accounts.passes import Pass
from concertbook.addresses import client_address
from concertbook.errors import TooManyRequests
from concertbook.problems import CONTENT_TYPE, domain_problem
from queueing.api import place_answer
from queueing.line import LineUnavailable, UnknownPerson, UnknownSession
from queueing.services import polling

Answer = tuple[str, list[tuple[str, str]], bytes]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

ADDRESS = re.compile(r"/api/v1/queue-tokens/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")


JSON = "application/json"


class FastPoll:
    def __init__(self, django: Application) -> None:
        self.django = django

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        answer = _answer(environ)
        if answer is None:
            return self.django(environ, start_response)
        status, headers, body = answer
        start_response(status, headers)
        return [body]


def _answer(environ: dict[str, Any]) -> Answer | None:
    """Status, headers and body; None when Django had better answer."""
    asked = environ["REQUEST_METHOD"] == "GET" and ADDRESS.fullmatch(environ["PATH_INFO"])
    if not asked or not _is_our_host(environ.get("HTTP_HOST", "")):
        return None
    visitor = _read_pass(environ)
    if visitor is None:
        return None
    try:
        place = polling.poll(
            token=uuid.UUID(asked[1]),
            user_id=visitor.user_id,
            session=visitor.session_in_cache,
            address=client_address(environ),
        )
    except (UnknownSession, UnknownPerson, LineUnavailable):
        return None
    except TooManyRequests as refusal:
        return _refuse(environ, refusal)
    return _respond("200 OK", JSON, place_answer(place), place.poll_after_seconds)


@functools.lru_cache(maxsize=100)
def _is_our_host(host: str) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _read_pass(environ: dict[str, Any]) -> Pass | None:
    scheme, _space, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    if scheme:
        return passes.read_access_token(token) if scheme == "Bearer" else None
    try:
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    except CookieError:
        return None
    return passes.read_cookies({name: morsel.value for name, morsel in cookies.items()})


def _refuse(environ: dict[str, Any], refusal: TooManyRequests) -> Answer:
    with translation.override(translation.get_language_from_request(WSGIRequest(environ))):
        body, _status, _headers = domain_problem(refusal)
    return _respond("429 Too Many Requests", CONTENT_TYPE, body, refusal.retry_after or 1)


def _respond(status: str, content_type: str, body: dict[str, Any], retry_after: int) -> Answer:
    content = json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    headers = [
        ("Content-Type", content_type),
        ("Content-Length", str(len(content))),
        ("Retry-After", str(retry_after)),
        ("Cache-Control", "no-store"),
        ("X-Content-Type-Options", "nosniff"),
    ]
    return status, headers, content
