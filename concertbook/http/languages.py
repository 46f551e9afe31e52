"""The language of a page: that of its address, or of the cookie, or what the browser asks for.

Public pages must be the same bytes for every visitor, so no cookie can choose their language. Each
has an address per language (``/en/concerts/...``), and one without a language, for which
Accept-Language decides. A language that the visitor has chosen is kept: pages link to public
pages by the address that names it.
"""

import contextlib
import functools
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import get_language

CODES = tuple(code for code, _name in settings.LANGUAGES)


def named_language(path: str) -> str:
    """The language that the path of a public page names, or ""."""
    code = path.split("/", 2)[1] if path.count("/") > 1 else ""
    return code if code in CODES else ""


def addresses_by_language(path: str) -> dict[str, str]:
    """The address of the same public page in each language; "": the one that names none."""
    named = named_language(path)
    bare = path.removeprefix(f"/{named}") if named else path
    return {"": bare} | {code: f"/{code}{bare}" for code in CODES}


def chosen_language(request: HttpRequest) -> str:
    """The language that the visitor has chosen, by the address or by the cookie; or ""."""
    named = named_language(request.path_info)
    cookie = request.COOKIES.get(settings.LANGUAGE_COOKIE_NAME, "")
    return named or (cookie if cookie in CODES else "")


def active_language() -> str:
    """The language of the present request, as LocaleMiddleware decided; one of CODES, or ""."""
    code = get_language() or ""
    return code if code in CODES else ""


def public_page(request: HttpRequest, name: str, *args: object) -> str:
    """The address of a public page, in the language that the visitor has chosen."""
    return public_page_in(chosen_language(request), name, *args)


def public_page_in(language: str, name: str, *args: object) -> str:
    """The address of a public page that names this language; "": the one that names none."""
    named = f"{language}:{name}" if language else name
    return reverse(named, args=args) if args else _reversed(named)


@functools.cache
def _reversed(name: str) -> str:
    return reverse(name)


def context_processor(request: HttpRequest) -> Mapping[str, Any]:
    """``public_address``: of the public page that is shown, "" for a private one; and its origin.

    A request for a wrong host is answered with a page, too, which then has no origin.
    """
    if getattr(request, "public_policy", None) is None:
        return {"public_address": ""}
    with contextlib.suppress(DisallowedHost):
        origin = f"{request.scheme}://{request.get_host()}"
        return {"public_address": request.get_full_path(), "origin": origin}
    return {"public_address": request.get_full_path()}
