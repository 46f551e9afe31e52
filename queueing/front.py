"""What a crowd asks, answered before Django: take a place in line, and where do I stand.

A WSGI application around Django's. It answers `GET /api/v1/queue-tokens/{token}/` with one round
trip to Redis, and `POST /api/v1/waiting-rooms/{slug}/tokens/` with one statement and two, to
whoever shows a valid pass. For everything out of the ordinary (no pass, a session or a person
that Redis does not know, no index, no Redis, somebody who is in line already, a Host that is not
ours) it steps aside, and Django answers the same address with all its manners.
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
from django.db import Error, close_old_connections
from django.http.request import split_domain_port, validate_host
from django.utils import translation

from accounts import passes
from accounts.passes import Pass
from concertbook.addresses import client_address
from concertbook.errors import DomainError, TooManyRequests
from concertbook.problems import CONTENT_TYPE, domain_problem
from queueing.api import place_answer
from queueing.line import LineUnavailable, UnknownPerson, UnknownSession
from queueing.services import places, polling

Answer = tuple[str, list[tuple[str, str]], bytes]
Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

POLL = re.compile(r"/api/v1/queue-tokens/([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})/")


JOIN = re.compile(r"/api/v1/waiting-rooms/([-a-zA-Z0-9_]+)/tokens/")
JSON = "application/json"


class StepAside(Exception):
    """Django had better answer."""


class Front:
    def __init__(self, django: Application) -> None:
        self.django = django

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        try:
            status, headers, body = _answer(environ)
        except (StepAside, UnknownSession, UnknownPerson, LineUnavailable):
            return self.django(environ, start_response)
        start_response(status, headers)
        return [body]


def _answer(environ: dict[str, Any]) -> Answer:
    """Status, headers and body. Raises StepAside, and what the line does not know."""
    method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
    try:
        if method == "GET" and (asked := POLL.fullmatch(path)):
            return _poll(environ, token=uuid.UUID(asked[1]))
        if method == "POST" and (asked := JOIN.fullmatch(path)):
            return _join(environ, slug=asked[1])
    except TooManyRequests as refusal:
        return _refuse(environ, refusal)
    raise StepAside


def _poll(environ: dict[str, Any], *, token: uuid.UUID) -> Answer:
    visitor = _read_pass(environ)
    place = polling.poll(
        token=token,
        user_id=visitor.user_id,
        session=visitor.session_in_cache,
        address=client_address(environ),
    )
    return _respond("200 OK", JSON, place_answer(place), place.poll_after_seconds)


def _join(environ: dict[str, Any], *, slug: str) -> Answer:
    # A body says nothing here; a long one is Django's to refuse.
    if len(environ.get("CONTENT_LENGTH") or "") > 1 or environ.get("HTTP_TRANSFER_ENCODING"):
        raise StepAside
    # Not by cookie: a form's request must show that it comes from a page of ours.
    visitor = _read_access_token(environ)
    address = client_address(environ)
    places.count_join(user_id=visitor.user_id, address=address, session=visitor.session_in_cache)
    place = _join_anew(visitor.user_id, slug, address)
    return _respond("201 Created", JSON, place_answer(place), place.poll_after_seconds)


def _join_anew(user_id: uuid.UUID, slug: str, address: str) -> polling.Place:
    close_old_connections()
    try:
        place = places.join_anew(user_id=user_id, slug=slug, address=address)
    except (Error, DomainError) as told_by_django:
        raise StepAside from told_by_django
    if place is None:
        raise StepAside
    return place


def _read_pass(environ: dict[str, Any]) -> Pass:
    if "HTTP_AUTHORIZATION" in environ:
        return _read_access_token(environ)
    return _read_cookies(environ)


def _read_access_token(environ: dict[str, Any]) -> Pass:
    _require_our_host(environ)
    scheme, _space, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    visitor = passes.read_access_token(token) if scheme == "Bearer" else None
    if visitor is None:
        raise StepAside
    return visitor


def _read_cookies(environ: dict[str, Any]) -> Pass:
    _require_our_host(environ)
    try:
        cookies = SimpleCookie(environ.get("HTTP_COOKIE", ""))
    except CookieError as malformed:
        raise StepAside from malformed
    visitor = passes.read_cookies({name: morsel.value for name, morsel in cookies.items()})
    if visitor is None:
        raise StepAside
    return visitor


def _require_our_host(environ: dict[str, Any]) -> None:
    if not _is_our_host(environ.get("HTTP_HOST", "")):
        raise StepAside


@functools.lru_cache(maxsize=100)
def _is_our_host(host: str) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


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
