"""Limits on the forms of the account pages; when a browser was last used."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse

from accounts import devices
from accounts.rate_limits import FORMS
from accounts.services.devices import note_use
from concertbook.errors import TooManyRequests
from concertbook.http.error_pages import refusal_response
from concertbook.http.problems import DATABASE_AWAY


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


class LastUsedMiddleware:
    """Note once an hour that a browser is used: the cookie ``used`` says for how long not again.

    So a request costs nothing. A browser without the cookie ``device`` has not logged in by a form.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_page = not request.path_info.startswith("/api/")
        has_device = devices.COOKIE in request.COOKIES
        if is_page and has_device and devices.USED not in request.COOKIES | response.cookies:
            self._note(request, response)
        return response

    def _note(self, request: HttpRequest, response: HttpResponse) -> None:
        session_key = request.session.session_key
        if session_key is None or not request.user.is_authenticated:
            return
        # The page is there: it is not given up for this.
        with contextlib.suppress(*DATABASE_AWAY):
            note_use(session_key=session_key)
            devices.set_used(response)
