"""Forms of logged-out visitors that take effect once they have logged in, without a second press.

1. The form of a logged-out visitor arrives. Where it came from is checked as for every form. The
   answer leads to the log-in and keeps the form's address in a signed cookie.
2. The visitor logs in or signs up, perhaps at the third attempt or in the other language. Both lead
   to the form's address.
3. The first GET of that address by a logged-in visitor takes effect as the form would have, refused
   or not, and removes the cookie. Without the cookie a GET only shows the page, so a link or an
   image of another site does nothing.

Kept is the address alone: such a form has no fields.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase

from concertbook.errors import DomainError
from concertbook.http.error_pages import say_refusal

View = Callable[..., HttpResponseBase]

COOKIE = "pending_form"
SALT = "concertbook.http.after_log_in"
# Long enough to sign up on a phone, short enough that the visitor still wants it.
KEPT_SECONDS = 30 * 60
# A cookie has 4 kB at most, and signing and quoting take some of it.
LONGEST_ADDRESS = 1000


def acts_after_log_in(view: View) -> View:
    """Mark a view that a logged-out visitor's form calls; it asks ``is_sent`` whether to act.

    Around login_required, inside the check of the form's origin.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_pending = request.method == "GET" and _pending_address(request) == _address(request)
        request.is_pending_form = is_pending  # type: ignore[attr-defined]
        try:
            response = view(request, *args, **kwargs)
        except DomainError as refusal:
            # A limit, or a fault of ours, keeps the form: the visitor may reload.
            if not is_pending or refusal.retry_after is not None or refusal.status >= 500:
                raise
            say_refusal(request, refusal)
            response = HttpResponseRedirect(_address(request))
        if not request.user.is_authenticated:
            if request.method == "POST":
                _keep(request, response)
        elif is_pending or request.method == "POST":
            _forget(request, response)
        return response

    return answer


def is_sent(request: HttpRequest) -> bool:
    """Whether the form was sent: now, or before the log-in."""
    is_pending: bool = request.is_pending_form  # type: ignore[attr-defined]
    return request.method == "POST" or (is_pending and request.user.is_authenticated)


def is_kept(response: HttpResponseBase) -> bool:
    """Whether the answer, a redirect to the log-in, keeps the form for after it."""
    return COOKIE in response.cookies


def _address(request: HttpRequest) -> str:
    return request.get_full_path()


def _pending_address(request: HttpRequest) -> str:
    if COOKIE not in request.COOKIES:
        return ""
    return request.get_signed_cookie(COOKIE, default="", salt=SALT, max_age=KEPT_SECONDS) or ""


def _keep(request: HttpRequest, response: HttpResponseBase) -> None:
    address = _address(request)
    if len(address) <= LONGEST_ADDRESS:
        response.set_signed_cookie(
            COOKIE,
            address,
            salt=SALT,
            max_age=KEPT_SECONDS,
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )


def _forget(request: HttpRequest, response: HttpResponseBase) -> None:
    if COOKIE in request.COOKIES:
        response.delete_cookie(COOKIE, samesite="Lax")
