"""The cookie ``purchase``: whether pages have to look for a purchase of the visitor, and for which.

A hold or an admission is shown on every page (payments/purchase_bar.py), but few visitors have one:
without the cookie a page does not ask the database. Answers that see one set it, and so does the
log-in, as the purchase may have begun on another device; the page that finds neither removes it. It
is never trusted: it names a schedule and a step, and both are only shown if the database agrees.
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from concertbook.http.ids import UUID

NAME = "purchase"
# Longer than any admission.
KEPT = dt.timedelta(days=1)
# For so long after its first page the end of a purchase is told: other tabs tell it too.
TOLD = dt.timedelta(minutes=1)
ENDED = "ended"
_FORM = re.compile(f"({UUID})?~(seats|payment|{ENDED})?")


@dataclass(frozen=True)
class PurchaseHint:
    """``schedule_id`` is None and ``step`` is empty where they are not known."""

    schedule_id: uuid.UUID | None = None
    step: str = ""

    def __str__(self) -> str:
        return f"{self.schedule_id or ''}~{self.step}"


def read_hint(request: HttpRequest) -> PurchaseHint | None:
    """The hint of this request's answer so far, else of its cookie."""
    given: PurchaseHint | None = getattr(request, "purchase_hint", None)
    return given or _parse(request.COOKIES.get(NAME, ""))


def _parse(cookie: str) -> PurchaseHint | None:
    found = _FORM.fullmatch(cookie)
    if found is None:
        return None
    schedule, step = found.groups()
    return PurchaseHint(uuid.UUID(schedule) if schedule else None, step or "")


def hint(request: HttpRequest, purchase: PurchaseHint) -> None:
    """Let the answer set the cookie."""
    request.purchase_hint = purchase  # type: ignore[attr-defined]


def hint_admission(request: HttpRequest, next_page: str) -> None:
    """As ``hint``, for a visitor who is inside and goes to this page, which may name a schedule."""
    named = re.search(UUID, next_page)
    if named:
        hint(request, PurchaseHint(uuid.UUID(named[0]), "seats"))
    elif read_hint(request) is None:
        hint(request, PurchaseHint(None, "seats"))


def drop_hint(request: HttpRequest) -> None:
    """Let the answer remove the cookie."""
    request.purchase_hint = None  # type: ignore[attr-defined]


class PurchaseHintMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_public = request.public_policy is not None  # type: ignore[attr-defined]
        if hasattr(request, "purchase_hint") and not is_public:
            _follow(request, response, request.purchase_hint)
        return response


def _follow(request: HttpRequest, response: HttpResponse, hint: PurchaseHint | None) -> None:
    if hint is None:
        if NAME in request.COOKIES:
            response.delete_cookie(NAME, samesite="Lax")
    elif str(hint) != request.COOKIES.get(NAME):
        response.set_cookie(
            NAME,
            str(hint),
            max_age=TOLD if hint.step == ENDED else KEPT,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
