"""The headers that Django's middlewares add to every answer, for the answers of the fast path.

Security headers, Vary, Content-Language, Cache-Control are not defined a second time: the
middlewares of the settings run around an empty answer, once for each kind of request.
"""

import functools
from collections.abc import Callable, Mapping
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.utils.cache import patch_vary_headers
from django.utils.module_loading import import_string

from concertbook.http.negotiation import JSON

Headers = tuple[tuple[str, str], ...]

# Left out: it serves files, adds no headers, and reads all files when it is created.
STATIC_FILES = "concertbook.http.static_files.StaticFilesMiddleware"
# Each answer has its own.
OWN = {"Content-Type", "Content-Length"}


def common_headers(environ: Mapping[str, Any]) -> Headers:
    """The headers for a request to the API with a checked host and a known user."""
    return _headers(
        environ.get("wsgi.url_scheme", "http"),
        environ.get("HTTP_X_FORWARDED_PROTO", ""),
        environ.get("HTTP_HOST", ""),
        environ.get("HTTP_ACCEPT_LANGUAGE", ""),
        _language_cookie(environ),
        "HTTP_AUTHORIZATION" not in environ,
    )


def answer_language(headers: Headers) -> str:
    return dict(headers)["Content-Language"]


def _language_cookie(environ: Mapping[str, Any]) -> str:
    cookies = environ.get("HTTP_COOKIE", "")
    name = settings.LANGUAGE_COOKIE_NAME
    return parse_cookie(cookies).get(name, "") if name in cookies else ""


# Bounded: a host may have any port, and a client may send any language.
@functools.lru_cache(maxsize=1000)
def _headers(
    scheme: str, forwarded_proto: str, host: str, languages: str, cookie: str, by_session: bool
) -> Headers:
    request = WSGIRequest(
        {
            "REQUEST_METHOD": "GET",
            "PATH_INFO": "/api/v1/",
            "wsgi.url_scheme": scheme,
            "wsgi.input": BytesIO(),
            "HTTP_X_FORWARDED_PROTO": forwarded_proto,
            "HTTP_HOST": host,
            "HTTP_ACCEPT_LANGUAGE": languages,
            "HTTP_COOKIE": f"{settings.LANGUAGE_COOKIE_NAME}={cookie}" if cookie else "",
        }
    )
    request.by_session = by_session  # type: ignore[attr-defined]
    answer = _middlewares()(request)
    return tuple((name, value) for name, value in answer.items() if name not in OWN)


@functools.cache
def _middlewares() -> Callable[[HttpRequest], HttpResponse]:
    chain = _empty_answer
    for path in reversed(settings.MIDDLEWARE):
        if path != STATIC_FILES:
            chain = import_string(path)(chain)
    return chain


def _empty_answer(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(content_type=JSON)
    if request.by_session:  # type: ignore[attr-defined]
        patch_vary_headers(answer, ["Cookie"])
    return answer


def forget_settings() -> None:
    """For tests that change the middlewares' settings."""
    _middlewares.cache_clear()
    _headers.cache_clear()
