"""The addresses of the demo and of a developer, and two that only refuse."""

from typing import NoReturn

from django.http import HttpRequest
from django.urls import include, path

from concertbook.errors import Unavailable
from concertbook.urls import handler400, handler403, handler404, handler500
from concertbook.urls import urlpatterns as others
from concerts.styleguide import styleguide


def broken(_request: HttpRequest) -> NoReturn:
    raise RuntimeError("as a programming error does")


def busy(_request: HttpRequest) -> NoReturn:
    raise Unavailable


urlpatterns = [
    path("inbox/", include("accounts.inbox_urls")),
    path("styleguide/", styleguide, name="styleguide"),
    path("broken/", broken),
    path("busy/", busy),
    *others,
]
__all__ = ["handler400", "handler403", "handler404", "handler500", "urlpatterns"]
