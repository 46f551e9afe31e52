"""Middlewares: the API's limits, Cache-Control, content security policy, refusals of pages."""

import datetime as dt
import functools
import uuid
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from csp.constants import HEADER as POLICY_HEADER
from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.utils import build_policy
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.urls import reverse_lazy
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from concertbook.errors import (
    DomainError,
    MethodNotAllowed,
    NotFound,
    TooLarge,
    TooManyRequests,
)
from concertbook.http.after_log_in import is_kept
from concertbook.http.caching import NO_STORE
from concertbook.http.error_pages import (
    HTMX,
    form_page,
    go_to,
    is_dialog,
    refusal_response,
    say_refusal,
)
from concertbook.http.problems import DATABASE_AWAY, body_bytes, problem_response, unavailable
from concertbook.http.rate_limit import take_beside
from concertbook.http.requests_per_user import count_request, counter_of

GetResponse = Callable[[HttpRequest], HttpResponse]

# For the API's documentation page, which has no form and shows no user input.
DOCS_POLICY = {"style-src": [SELF, UNSAFE_INLINE]}
# For the admin: Alpine evaluates expressions and writes style attributes.
ADMIN_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}
RELAXED = {"admin": ADMIN_POLICY, "docs": DOCS_POLICY}
ADMIN_LOGIN_URL = reverse_lazy("admin:login")
# Of so many sessions each process knows the user.
MOST_MEMBERS = 20_000
NOTHING_SENT = _("Please log in first: nothing was sent. Then send it again.")
ACTS_LATER = _("Please log in first. Then we go on by ourselves.")


# The addresses of the API's files.
FILES = ".svg", ".pdf", ".ics", ".pkpass", ".zip"


class ApiMiddleware:
    """API requests are small, and API times are UTC whatever the pages show."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if not request.path_info.startswith("/api/"):
            return self.get_response(request)
        if not request.path_info.endswith(("/", *FILES)):
            # A redirect to the address with a slash would lose the body.
            return problem_response(NotFound())
        if body_bytes(request.META) > settings.API_MAX_BODY_BYTES:
            return problem_response(TooLarge())
        with timezone.override(dt.UTC):
            response = self.get_response(request)
        if request.method != "OPTIONS" and response.status_code != MethodNotAllowed.status:
            # REST framework adds Allow to every answer.
            response.headers.pop("Allow", None)
        return response


class NoStoreMiddleware:
    """Sets ``Cache-Control: no-store``, unless the view has set the header.

    Every page of a logged-in visitor shows the name and the balance. Exceptions are public answers,
    and the seat map, which is revalidated.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Cache-Control", NO_STORE)
        return response


class PolicyMiddleware:
    """The content security policy; a relaxed one for the admin and the API's documentation page.

    django-csp's own middleware builds the text anew for each answer, which took 6 % of a page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # Django's own pages about errors, with DEBUG, have styles and scripts inside.
        if not (settings.DEBUG and response.status_code in (404, 500)):
            response.setdefault(POLICY_HEADER, _policy(_replaced(request.path_info)))
        return response


def _replaced(path: str) -> str:
    if path.startswith("/admin/"):
        return "admin"
    return "docs" if path == "/api/v1/docs/" else ""


@functools.cache
def _policy(name: str) -> str:
    return str(build_policy(replace=RELAXED.get(name)))


class RateLimitMiddleware:
    """Count page requests of logged-in users (see concertbook.http.requests_per_user).

    The API has its throttle, health checks must not need the database, and the staff is not
    counted. Static files are served before this middleware.
    """

    UNCOUNTED = ("/api/", "/livez", "/readyz")

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        # Who was counted, by the session's key: the count of the next request need not wait for the
        # session, and reads it in the same round trip.
        self.members: dict[str, uuid.UUID] = {}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        try:
            self.count(request)
        except TooManyRequests as too_many:
            return refusal_response(request, too_many)
        except DATABASE_AWAY as exc:
            # The user is read here; a database error must be answered here as well.
            return refusal_response(request, unavailable(exc))
        return self.get_response(request)

    def count(self, request: HttpRequest) -> None:
        if request.path_info.startswith(self.UNCOUNTED):
            return
        # Of accounts.sessions, which is not imported here.
        session: Any = request.session
        session_key = session.session_key or ""
        counted = self.members.get(session_key)
        if counted:
            # Of the same user for as long as there is a session of this key.
            session.read_beside = take_beside(counter_of(counted), session.key_in_redis)
        if request.user.is_authenticated and not request.user.is_staff:
            if not counted:
                count_request(request.user.pk)
            self.remember(session_key, request.user.pk)
        elif counted:
            self.members.pop(session_key, None)

    def remember(self, session_key: str, user_id: uuid.UUID) -> None:
        if len(self.members) >= MOST_MEMBERS:
            self.members.clear()
        self.members[session_key] = user_id


class RefusalMiddleware:
    """A refused form redirects to its page with the reason; a refused page is an error page.

    The form of a logged-out visitor redirects to the log-in, which says that nothing was sent, or
    that it takes effect afterwards (concertbook.http.after_log_in), and from there to the form's
    address: every page answers GET. For a dialog of the admin, which is only a part of a page, it
    is that page.
    """

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == MethodNotAllowed.status and not response.content:
            return _explained(request, response)
        if response.status_code != HTTPStatus.FOUND or not _asks_to_log_in(response):
            return response
        if request.method == "POST":
            messages.info(request, ACTS_LATER if is_kept(response) else NOTHING_SENT)
        if is_dialog(request) or request.headers.get(HTMX):
            return go_to(request, redirect_to_login(form_page(request)).url)
        return response

    def process_exception(self, request: HttpRequest, exc: Exception) -> HttpResponse | None:
        if isinstance(exc, DATABASE_AWAY):
            exc = unavailable(exc)
        if not isinstance(exc, DomainError):
            return None
        is_page = not request.path_info.startswith("/api/")
        is_limit = isinstance(exc, TooManyRequests)
        if is_page and request.method == "POST" and exc.status < 500 and not is_limit:
            return _back_with_message(request, exc)
        return refusal_response(request, exc)


def _explained(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """The page for an address that takes forms only, in place of Django's empty answer."""
    page = refusal_response(request, MethodNotAllowed())
    page["Allow"] = response["Allow"]
    return page


def _asks_to_log_in(response: HttpResponse) -> bool:
    log_ins = (f"{url}?{REDIRECT_FIELD_NAME}=" for url in (settings.LOGIN_URL, ADMIN_LOGIN_URL))
    return response.get("Location", "").startswith(tuple(log_ins))


def _back_with_message(request: HttpRequest, exc: DomainError) -> HttpResponse:
    say_refusal(request, exc)
    return go_to(request, form_page(request))
