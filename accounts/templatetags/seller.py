"""The footer of every page, and the pages that operators write."""

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from django import template
from django.conf import settings
from django.template.loader import render_to_string
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import get_language
from markdown_it import MarkdownIt
from markdown_it.token import Token

from accounts.models import Business, Document
from accounts.services.business import find_business, is_sample, known_business
from concertbook.http.languages import chosen_language, named_language

register = template.Library()

# Seconds. Public pages are built anew every second; few personal pages read the table.
OLDEST_ON_PUBLIC_PAGES = 1.0
OLDEST_ON_PERSONAL_PAGES = 30.0

# Without HTML, and without links that run scripts.
MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")


@register.simple_tag(takes_context=True)
def site_footer(context: Mapping[str, Any], database: bool = True) -> SafeString:
    """The footer, rendered once for each language and each row of the seller's details.

    Without ``database`` it shows the details only if this process has read them before.
    """
    public_address = context.get("public_address", "")
    oldest = OLDEST_ON_PUBLIC_PAGES if public_address else OLDEST_ON_PERSONAL_PAGES
    business = find_business(oldest=oldest) if database else known_business()
    request = context.get("request")
    if public_address:
        linked = named_language(public_address)
    else:
        linked = chosen_language(request) if request else ""
    # With DEBUG the template may be edited while the server runs.
    render = _footer.__wrapped__ if settings.DEBUG else _footer
    return render(business, get_language(), linked)


# Two readings of one row are equal; the sample is one object.
@lru_cache(maxsize=32)
def _footer(business: Business | None, language: str | None, linked: str) -> SafeString:
    return render_to_string(
        "footer.html",
        {
            "business": business,
            "is_sample": business is not None and is_sample(business),
            "documents": Document.Kind,
            "linked": linked,
            "has_inbox": settings.DEMO_INBOX,
        },
    )


@register.filter
def told_of(business: Business, name: str) -> str:
    """A detail of the seller in the page's language."""
    language = "ko" if get_language() == "ko" else "en"
    return str(getattr(business, f"{name}_{language}"))


@register.filter
def markdown(text: str) -> SafeString:
    """The text as HTML; its sections have the ids of ``sections``. HTML in the text is escaped."""
    tokens = MARKDOWN.parse(text)
    for number, token in enumerate(_section_heads(tokens)):
        token.attrSet("id", _section_id(number))
    return mark_safe(str(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {})))


@register.filter
def sections(text: str) -> list[tuple[str, str]]:
    """Id and heading of each section."""
    tokens = MARKDOWN.parse(text)
    heads = [tokens[tokens.index(head) + 1].content for head in _section_heads(tokens)]
    return [(_section_id(number), head) for number, head in enumerate(heads)]


def _section_heads(tokens: Iterable[Token]) -> list[Token]:
    return [token for token in tokens if token.type == "heading_open" and token.tag == "h2"]


def _section_id(number: int) -> str:
    return f"section-{number + 1}"
