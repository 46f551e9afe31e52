from collections.abc import Mapping
from typing import Any

from django import template
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import get_language

from concertbook.http.languages import (
    addresses_by_language,
    chosen_language,
    named_language,
    public_page_in,
)

register = template.Library()


@register.simple_tag(takes_context=True)
def public_page(context: Mapping[str, Any], name: str, *args: object) -> str:
    """The address of a public page in the language that the visitor has chosen."""
    if shown := context.get("public_address"):
        return public_page_in(named_language(shown), name, *args)
    return public_page_in(chosen_language(context["request"]), name, *args)


@register.simple_tag
def public_page_of(language: str, name: str, *args: object) -> str:
    """The address of a public page that names this language; "": the one that names none."""
    return public_page_in(language, name, *args)


@register.simple_tag
def in_every_language(address: str) -> dict[str, str]:
    """The addresses of the same public page by language; "": the one that names none."""
    return addresses_by_language(address)


@register.simple_tag
def canonical(address: str) -> str:
    """The address under which search engines keep a public page: it names the page's language, and
    of its parameters has the page's number alone."""
    path, _, query = address.partition("?")
    number = QueryDict(query).get("page", "")
    return addresses_by_language(path)[get_language() or settings.LANGUAGE_CODE] + (
        f"?page={number}" if number.isdecimal() and number != "1" else ""
    )


@register.filter
def named(address: str) -> str:
    """The language that a public page's address names, or ""."""
    return named_language(address)
