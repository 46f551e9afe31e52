"""Idempotency keys of API calls (answer_once) and of the pages' forms (run_once).

The admin's forms have idempotent_forms.py.
"""

import uuid
from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from accounts.requests import MemberRequest, current_user
from accounts.services.idempotency import (
    LONGEST_KEY,
    AnsweredBefore,
    IdempotentRequest,
    hash_call,
    hash_request,
)
from concertbook.http.fast_path import render

KEY_SCHEMA = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[ -~]+$"}
IDEMPOTENCY_KEY_HEADER = OpenApiParameter("Idempotency-Key", KEY_SCHEMA, "header", required=True)
OPTIONAL_IDEMPOTENCY_KEY_HEADER = OpenApiParameter("Idempotency-Key", KEY_SCHEMA, "header")


def answer_once(
    request: Request,
    named: Mapping[str, Any],
    answer_of: Callable[[Any], Any],
    act: Callable[[IdempotentRequest], Any],
    code: int,
) -> HttpResponse:
    """Act under the request's Idempotency-Key, or repeat the saved answer, byte for byte.

    ``named`` is the validated body, as valid_input returns it; ``act`` calls the service with the
    IdempotentRequest that it gets; ``answer_of`` turns the result into JSON types. Raises
    IdempotencyKeyMissing, IdempotencyKeyInvalid and the service's refusals.
    """
    once = IdempotentRequest(
        user=current_user(request),
        key=request.headers.get("Idempotency-Key"),
        request_hash=hash_call(str(request.method), request.path, named),
        render=lambda result: render(answer_of(result)),
    )
    return HttpResponse(once.run(act), status=code, content_type="application/json")


def run_once(
    request: MemberRequest, key: uuid.UUID, what: list[Any], act: Callable[[IdempotentRequest], Any]
) -> bool:
    """Act under the key of a form; False when the form was sent before.

    ``what`` identifies the form, so that the same key cannot be used for another one. Raises what
    ``act`` raises.
    """
    once = IdempotentRequest(
        user=request.user,
        key=f"page-{key}",
        request_hash=hash_request(what),
        render=lambda result: b"",
    )
    try:
        act(once)
    except AnsweredBefore:
        return False
    return True
