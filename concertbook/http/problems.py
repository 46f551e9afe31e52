"""The API's errors and input: RFC 9457 problems, authentication, a strict JSON parser."""

import json
import logging
import math
from collections.abc import Iterator, Mapping
from typing import IO, Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpResponse, UnreadablePostError
from django.utils.translation import gettext as _
from rest_framework import exceptions
from rest_framework.authentication import SessionAuthentication
from rest_framework.parsers import BaseParser
from rest_framework.renderers import JSONRenderer

from concertbook import errors
from concertbook.errors import CsrfFailed, DomainError, NotFound, Unavailable
from concertbook.http.refusal_counts import count_refusal

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
DATABASE_AWAY = (OperationalError, InterfaceError)
# Database errors of values that no serializer checks: an invented cursor, a NUL in a cookie.
NO_SUCH_VALUE = ValidationError | DataError
RETRY_AFTER_SECONDS = 2
# The depth of nested lists and objects in a request. Python's own limit depends on the remaining
# stack, so the fast path and Django's views would refuse different requests.
DEEPEST = 100


def exception_handler(exc: Exception, context: Mapping[str, Any]) -> HttpResponse | None:
    """Turn a view's exception into a problem; ``None`` for a bug, which becomes a logged 500.

    The problem is rendered here, as the view's renderer may write pages, YAML or pictures.
    """
    if isinstance(exc, DATABASE_AWAY):
        exc = unavailable(exc)
    if isinstance(exc, UnreadablePostError | NO_SUCH_VALUE):
        exc = errors.Malformed()
    if isinstance(exc, Http404):
        exc = NotFound()
    if isinstance(exc, PermissionDenied):
        exc = errors.PermissionDenied()
    if isinstance(exc, DomainError):
        return problem_response(exc)
    if isinstance(exc, exceptions.APIException):
        return _respond(*_framework_problem(exc))
    return None


def unavailable(cause: Exception) -> Unavailable:
    """The refusal when the database does not answer; the log has the cause."""
    logger.warning("The database does not answer: %s", str(cause).strip() or type(cause).__name__)
    return Unavailable(retry_after=RETRY_AFTER_SECONDS)


def problem_response(exc: DomainError) -> HttpResponse:
    return _respond(*domain_problem(exc))


def _respond(body: dict[str, Any], status: int, headers: dict[str, str]) -> HttpResponse:
    content = JSONRenderer().render(body)
    return HttpResponse(content, status=status, headers=headers, content_type=CONTENT_TYPE)


def domain_problem(exc: DomainError) -> tuple[dict[str, Any], int, dict[str, str]]:
    count_refusal(exc.code)
    headers = {} if exc.retry_after is None else {"Retry-After": str(exc.retry_after)}
    if exc.status == errors.NotAuthenticated.status:
        headers["WWW-Authenticate"] = exc.challenge
    return _problem(exc.status, exc.code, str(exc.message), **exc.extra), exc.status, headers


def _framework_problem(exc: exceptions.APIException) -> tuple[dict[str, Any], int, dict[str, str]]:
    """The problem of a REST framework exception, with our messages: its own have no Korean."""
    if isinstance(exc, exceptions.ValidationError):
        fields = list(_field_errors(exc.get_full_details()))
        code = next((e["code"] for e in fields if e["code"] in PROMOTED), "malformed")
        status = exc.status_code
        return _problem(status, code, str(errors.Malformed.message), errors=fields), status, {}
    if isinstance(exc, exceptions.ParseError):
        return _problem(exc.status_code, errors.Malformed.code, str(exc.detail)), 400, {}
    wait = getattr(exc, "wait", None)
    refusal = FRAMEWORK_REFUSALS.get(type(exc), errors.Malformed)
    return domain_problem(refusal(retry_after=None if wait is None else max(1, math.ceil(wait))))


# Field errors that have a documented code of their own.
PROMOTED = {"invalid_amount", "duplicate_seats"}
FRAMEWORK_REFUSALS: dict[type[exceptions.APIException], type[DomainError]] = {
    exceptions.AuthenticationFailed: errors.InvalidAccessToken,
    exceptions.NotAuthenticated: errors.NotAuthenticated,
    exceptions.PermissionDenied: errors.PermissionDenied,
    exceptions.NotFound: errors.NotFound,
    exceptions.MethodNotAllowed: errors.MethodNotAllowed,
    exceptions.NotAcceptable: errors.NotAcceptable,
    exceptions.UnsupportedMediaType: errors.UnsupportedMediaType,
    exceptions.Throttled: errors.TooManyRequests,
}


def _field_errors(details: Any, path: str = "") -> Iterator[dict[str, str]]:
    if isinstance(details, dict) and isinstance(details.get("message"), str):
        yield {"field": path, "code": details["code"], "detail": details["message"]}
    elif isinstance(details, dict):
        for name, inner in details.items():
            own = "" if name == "non_field_errors" else str(name)
            yield from _field_errors(inner, f"{path}.{own}".strip("."))
    elif isinstance(details, list):
        for inner in details:
            yield from _field_errors(inner, path)


def _problem(status: int, code: str, detail: str, **extra: object) -> dict[str, Any]:
    title = detail
    problem_type = f"/api/v1/problems/#{code}"
    return {
        "type": problem_type,
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
    } | extra


class BrowserSessionAuthentication(SessionAuthentication):
    """Authentication by a browser's session, with CSRF; anonymous requests get 401, not 403."""

    def authenticate_header(self, request: Any) -> str:
        return "Bearer"

    def enforce_csrf(self, request: Any) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as exc:
            raise CsrfFailed from exc


class StrictJSONParser(BaseParser):
    """JSON without ambiguity: no NaN, no duplicate keys, limited nesting."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        body = stream.read(settings.API_MAX_BODY_BYTES + 1)
        if parser_context and len(body) < body_bytes(parser_context["request"].META):
            # The client disconnected: the missing part may be more than white space.
            raise UnreadablePostError
        try:
            return parse_json(body)
        except (ValueError, RecursionError) as exc:
            raise exceptions.ParseError(_("The body is not valid JSON.")) from exc


def body_bytes(environ: Mapping[str, Any]) -> int:
    """The Content-Length of a request; 0 without the header."""
    length = environ.get("CONTENT_LENGTH") or "0"
    # Python refuses to parse a number of thousands of digits; twenty are already too many.
    return int(length[:20]) if length.isdecimal() else 0


def parse_json(body: bytes) -> Any:
    """Raises ValueError, also for JSON nested deeper than DEEPEST, and RecursionError."""
    parsed = json.loads(
        body.decode("utf-8"), parse_constant=_refuse_constant, object_pairs_hook=_unique_keys
    )
    if body.count(b"[") + body.count(b"{") > DEEPEST:
        _require_shallow(parsed)
    return parsed


def _require_shallow(parsed: Any) -> None:
    level = [parsed]
    for _depth in range(DEEPEST + 1):
        containers = [each for each in level if isinstance(each, dict | list)]
        if not containers:
            return
        level = [
            inner
            for each in containers
            for inner in (each.values() if isinstance(each, dict) else each)
        ]
    raise ValueError("nested too deeply")


def _refuse_constant(name: str) -> None:
    raise ValueError(name)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = dict(pairs)
    if len(keys) != len(pairs):
        raise ValueError("duplicate key")
    return keys
