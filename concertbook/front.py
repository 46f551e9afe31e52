"""What a crowd does, answered before Django: a framework would cost it more than the answer.

A WSGI application around Django's. Apps list the addresses that they answer themselves
(queueing.front, payments.front), to whoever shows a valid pass. For everything out of the ordinary
they step aside, and Django answers the same address with all its manners; both call the same
services.

What succeeds here pays no round trip for the limit on requests per user
(concertbook.http.request_limits): polls and joins have limits of their own, and the sale counts
whatever may be refused.
"""

import functools
import json
import re
from collections.abc import Callable, Iterable, Sequence
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http.request import split_domain_port, validate_host
from django.utils import translation

from concertbook.caching import NO_STORE
from concertbook.errors import DomainError
from concertbook.problems import CONTENT_TYPE, body_bytes, domain_problem, parse_json

Environ = dict[str, Any]
Answer = tuple[str, list[tuple[str, str]], bytes]
Application = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]
# Method, path, and who answers: called with the environ and the path's groups.
Route = tuple[str, re.Pattern[str], Callable[..., Answer]]

JSON = "application/json"


class StepAside(Exception):
    """Django had better answer."""


class Front:
    def __init__(self, django: Application, routes: Sequence[Route]) -> None:
        self.django = django
        self.routes = routes

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Any:
        if "HTTP_TRANSFER_ENCODING" in environ:
            _measure(environ)
        try:
            status, headers, body = self._answer(environ)
        except StepAside:
            return self.django(environ, start_response)
        start_response(status, headers)
        return [body]

    def _answer(self, environ: Environ) -> Answer:
        for method, path, answer in self.routes:
            found = environ["REQUEST_METHOD"] == method and path.fullmatch(environ["PATH_INFO"])
            if found and _is_our_host(environ.get("HTTP_HOST", "")):
                try:
                    return answer(environ, *found.groups())
                except DomainError as refusal:
                    return _refuse(environ, refusal)
        raise StepAside


def _measure(environ: Environ) -> None:
    """Say how long a body is that came in chunks: Django takes one without a length for none.

    Of one that is too long only as much is read as shows that it is.
    """
    body = environ["wsgi.input"].read(settings.API_MAX_BODY_BYTES + 1)
    environ["wsgi.input"] = BytesIO(body)
    environ["CONTENT_LENGTH"] = str(len(body))


@functools.lru_cache(maxsize=100)
def _is_our_host(host: str) -> bool:
    domain, _port = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _refuse(environ: Environ, refusal: DomainError) -> Answer:
    with translation.override(translation.get_language_from_request(WSGIRequest(environ))):
        body, status, headers = domain_problem(refusal)
        return respond(f"{status} {refusal.code}", render(body), CONTENT_TYPE, **headers)


def render(body: Any) -> bytes:
    """Compact JSON; what JSON has no type for (a UUID) is written as a string."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False, default=str).encode()


def respond(status: str, content: bytes, content_type: str = JSON, **headers: str) -> Answer:
    """An answer that no cache may keep; ``headers`` are more of them, by their names."""
    return (
        status,
        [
            ("Content-Type", content_type),
            ("Content-Length", str(len(content))),
            ("Cache-Control", NO_STORE),
            ("X-Content-Type-Options", "nosniff"),
            *headers.items(),
        ],
        content,
    )


def read_json(environ: Environ) -> Any:
    """The body, which Django can read once more. Raises StepAside for one that is not JSON."""
    length = body_bytes(environ)
    content_type, _semicolon, _charset = environ.get("CONTENT_TYPE", "").partition(";")
    if content_type != JSON or not 0 < length <= settings.API_MAX_BODY_BYTES:
        raise StepAside
    body = environ["wsgi.input"].read(length)
    environ["wsgi.input"] = BytesIO(body)
    try:
        return parse_json(body)
    except (ValueError, RecursionError) as exc:
        raise StepAside from exc
