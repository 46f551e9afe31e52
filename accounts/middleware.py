"""Limits on the forms of the account pages."""

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts.rate_limits import FORMS
from concertbook.errors import TooManyRequests
from concertbook.http.error_pages import refusal_response


class FormLimitMiddleware:
    """Count the forms sent to the account pages by the limits of accounts.rate_limits.FORMS."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        match = request.resolver_match
        count = FORMS.get(match.url_name or "") if match else None
        if count is None or request.method != "POST":
            return None
        try:
            count(request)
        except TooManyRequests as too_many:
            return refusal_response(request, too_many)
        return None
