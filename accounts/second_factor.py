"""The second factor of the staff in a session, and the question that is asked again before money
moves.

1. A member of the staff logs in as all do (accounts/log_in.py). Before the first page of the admin
   or the door they give a code of their app or a passkey, or set the app up
   (SecondFactorMiddleware).
2. The session then remembers the time. A view that moves money is decorated with ``confirmed``:
   when the last code was given longer ago than settings.CONFIRM_SECONDS, it asks for another.
3. Without second factors (settings.STAFF_SECOND_FACTOR) the question is for the password.
"""

import time
from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django_htmx.http import HttpResponseClientRedirect

# In the session: when the second factor, or the password, was given last; seconds since 1970.
CONFIRMED_AT = "confirmed_at"
GAVE_FACTOR = "second_factor"
# In the session while the browser asks for a passkey.
PASSKEY_STATE = "passkey_state"
STAFF_PAGES = ("/admin/", "/door/")
# They leave the admin, or are asked for by its pages before.
OPEN = ("/admin/logout/", "/admin/login/", "/admin/jsi18n/")

View = Callable[..., HttpResponse]


def note_confirmed(request: HttpRequest) -> None:
    """Remember in the session that its user has just proved who they are."""
    request.session[CONFIRMED_AT] = int(time.time())
    if settings.STAFF_SECOND_FACTOR:
        request.session[GAVE_FACTOR] = True


def host_of(request: HttpRequest) -> str:
    """The site's host without its port, to which passkeys belong."""
    return request.get_host().partition(":")[0]


def confirmed(view: View) -> View:
    """Decorate a view, or a method of an admin, that moves money: the member of the staff must have
    proved who they are within settings.CONFIRM_SECONDS, and is asked to otherwise."""

    @wraps(view)
    def asks(*args: Any, **kwargs: Any) -> HttpResponse:
        request = next(each for each in args if isinstance(each, HttpRequest))
        return must_confirm(request) or view(*args, **kwargs)

    return asks


def must_confirm(request: HttpRequest) -> HttpResponse | None:
    """The answer that asks again who it is; None when that was asked recently."""
    if not settings.CONFIRM_SECONDS or _was_confirmed(request):
        return None
    where = reverse("account_confirm", query={"next": _page_to_return_to(request)})
    if request.headers.get("HX-Request"):
        return HttpResponseClientRedirect(where)
    return redirect(where)


def _was_confirmed(request: HttpRequest) -> bool:
    age = time.time() - request.session.get(CONFIRMED_AT, 0)
    return bool(0 <= age < settings.CONFIRM_SECONDS)


def _page_to_return_to(request: HttpRequest) -> str:
    """The page with the form that was sent: its own address would not say what was in it."""
    if request.method in ("GET", "HEAD") and not request.headers.get("HX-Request"):
        return request.get_full_path()
    page = request.headers.get("HX-Current-URL") or request.headers.get("Referer", "")
    is_ours = url_has_allowed_host_and_scheme(page, {request.get_host()})
    parts = urlsplit(page)
    return f"{parts.path}?{parts.query}".rstrip("?") if is_ours and page else request.path


class SecondFactorMiddleware:
    """Lead a member of the staff to the second factor before the admin and the door open."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: object, args: Sequence[Any], kwargs: dict[str, Any]
    ) -> HttpResponse | None:
        path = request.path_info
        if not path.startswith(STAFF_PAGES) or path in OPEN or not settings.STAFF_SECOND_FACTOR:
            return None
        if not request.user.is_staff or request.session.get(GAVE_FACTOR):
            return None
        where = reverse("account_confirm", query={"next": _page_to_return_to(request)})
        if request.headers.get("HX-Request"):
            return HttpResponseClientRedirect(where)
        return redirect(where)
