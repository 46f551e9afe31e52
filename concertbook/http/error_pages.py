"""Refusals outside the API's views: a problem below /api/, an error page elsewhere."""

import sys
from urllib.parse import urlsplit

from django.contrib import messages
from django.core.exceptions import DisallowedHost, RequestDataTooBig
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop
from django_htmx.http import HttpResponseClientRedirect

from concertbook.errors import (
    CONCERTS,
    CsrfFailed,
    DomainError,
    InternalError,
    Malformed,
    NotFound,
    PermissionDenied,
    TooLarge,
)
from concertbook.http.languages import public_page
from concertbook.http.problems import DATABASE_AWAY, problem_response, unavailable
from concertbook.http.refusal_counts import count_refusal

HTMX = "HX-Request"
TOO_OLD = gettext_noop(
    "The page you came from was too old: perhaps you logged in or out meanwhile. Or cookies are "
    "switched off. Nothing was changed. Go back to the page and send it again."
)


def refusal_response(request: HttpRequest, exc: DomainError) -> HttpResponse:
    """The answer to a request that a view or a middleware refused."""
    if request.path_info.startswith("/api/"):
        return problem_response(exc)
    count_refusal(exc.code)
    label, address = next_step(request, exc)
    context = {
        "error": exc,
        # A request that is refused before its user is known, as for a wrong Host, reads nothing.
        "reads_database": exc.status < 500 and hasattr(request, "user"),
        "step": label,
        "address": address,
        "is_concert_list": exc.next_step is CONCERTS,
        # A form is not sent again by itself.
        "retries": exc.retry_after is not None and request.method == "GET",
        "wait": _rounded(exc.retry_after),
    }
    response = render(request, "refusal.html", context, status=exc.status)
    if exc.retry_after is not None:
        response["Retry-After"] = str(exc.retry_after)
    return response


def say_refusal(request: HttpRequest, exc: DomainError) -> None:
    """Queue a message for the next page: what happened, what it means, and where to go on."""
    count_refusal(exc.code)
    text = f"{exc.message} {exc.meaning}"
    if exc.next_step.name and not request.path_info.startswith("/admin/"):
        label, address = next_step(request, exc)
        text = format_html('{} <a href="{}">{}</a>', text, address, label)
    messages.error(request, text)


def next_step(request: HttpRequest, exc: DomainError) -> tuple[str, str]:
    """The text and the address of the link after a refusal."""
    step = exc.next_step
    if request.path_info.startswith("/admin/") and step is CONCERTS:
        return _("Back to the start page of the staff"), reverse("admin:index")
    if not step.name:
        again = request.method == "GET"
        address = request.get_full_path() if again else form_page(request)
        return (_("Try again") if again else str(step.label)), address
    if step.is_public:
        return str(step.label), public_page(request, step.name)
    return str(step.label), reverse(step.name)


def _rounded(seconds: int | None) -> int | None:
    """A time to wait in seconds; beyond two minutes in whole minutes, never too short."""
    if seconds is None or seconds <= 120:
        return seconds
    return -(-seconds // 60) * 60


def form_page(request: HttpRequest) -> str:
    """The address of the page whose form was sent: the referrer, if it is a page of this site.

    Otherwise the address that the form was sent to, which answers GET with a page; for a dialog of
    the admin, the page on which it opens.
    """
    referrer: str = request.META.get("HTTP_REFERER", "")
    dialog = is_dialog(request)
    if _is_ours(request, referrer) and not (dialog and urlsplit(referrer).path == request.path):
        return referrer
    if dialog:
        row, _slash, _action = request.path.rstrip("/").rpartition("/")
        return f"{row}/change/"
    return request.get_full_path()


def _is_ours(request: HttpRequest, address: str) -> bool:
    try:
        host = request.get_host()
    except DisallowedHost:
        # The form itself was sent with a wrong Host, which is answered with an error page.
        return False
    return url_has_allowed_host_and_scheme(address, {host}, request.is_secure())


def is_dialog(request: HttpRequest) -> bool:
    """Whether the address is a dialog of the admin, which answers GET with a part of a page."""
    match = request.resolver_match
    # The admin copies the attributes of an action to its view.
    return match is not None and getattr(match.func, "dialog", None) is not None


def go_to(request: HttpRequest, url: str) -> HttpResponse:
    """A redirect. htmx would follow an ordinary one itself and take the page for its dialog."""
    return (HttpResponseClientRedirect if request.headers.get(HTMX) else HttpResponseRedirect)(url)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """The answer to a form without a valid CSRF token, as after a log-in in another tab.

    The page links back to the form, which then has a valid token.
    """
    if request.path_info.startswith("/api/"):
        return problem_response(CsrfFailed())
    if request.headers.get(HTMX):
        # htmx shows no content of a 403.
        messages.error(request, _(TOO_OLD))
        return go_to(request, form_page(request))
    return render(
        request,
        "403_csrf.html",
        {"form_page": form_page(request), "too_old": _(TOO_OLD)},
        status=403,
    )


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to an unknown address."""
    return refusal_response(request, NotFound())


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to an operator without the permission for a page of the admin."""
    return refusal_response(request, PermissionDenied())


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """The answer to requests that Django refuses: wrong Host, suspicious cookie, too large form."""
    too_large = isinstance(exception, RequestDataTooBig)
    return refusal_response(request, TooLarge() if too_large else Malformed())


def server_error(request: HttpRequest) -> HttpResponse:
    """The answer to an error outside the views, where Django calls no other handler.

    If the database is away, it says so: a session could not be read or saved.
    """
    cause = sys.exc_info()[1]
    if isinstance(cause, DATABASE_AWAY):
        return refusal_response(request, unavailable(cause))
    if request.path_info.startswith("/api/"):
        return problem_response(InternalError())
    return render(request, "500.html", {"error": InternalError()}, status=500)
