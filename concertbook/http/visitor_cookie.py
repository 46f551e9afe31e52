"""The cookie ``visitor=1``: scripts of public pages read from it whether there is anything personal
to ask for, as they cannot read the session's cookie.

It holds no secret and decides nothing. It exists while the browser has a session or messages.
"""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

NAME = "visitor"


class VisitorCookieMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_public = request.public_policy is not None  # type: ignore[attr-defined]
        if not is_public and not request.path_info.startswith("/api/"):
            self._follow(request, response)
        return response

    def _follow(self, request: HttpRequest, response: HttpResponse) -> None:
        is_known = any(_has(name, request, response) for name in _personal())
        if is_known and NAME not in request.COOKIES:
            response.set_cookie(
                NAME,
                "1",
                max_age=settings.SESSION_COOKIE_AGE,
                secure=settings.SESSION_COOKIE_SECURE,
                samesite="Lax",
            )
        elif not is_known and NAME in request.COOKIES:
            response.delete_cookie(NAME, samesite="Lax")


def _personal() -> tuple[str, str]:
    return settings.SESSION_COOKIE_NAME, "messages"


def _has(name: str, request: HttpRequest, response: HttpResponse) -> bool:
    """Whether the browser has the cookie after this response."""
    if name in response.cookies:
        return bool(response.cookies[name]["max-age"] != 0)
    return name in request.COOKIES
