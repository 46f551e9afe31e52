"""Parts of every page that differ only by the language and by a few values."""

from functools import cache

from django import template
from django.conf import settings
from django.template import Engine
from django.template.loader import render_to_string
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import get_language

register = template.Library()


@register.simple_tag
def rendered_once(template_name: str, variant: str = "", **values: object) -> SafeString:
    """The template, rendered once per language and ``variant``; the values are filled in each time.

    The links, translations and file names of the layout took a third of the time of a page. The
    template writes the values as they are, and cannot decide by them: for that it has ``variant``.
    It writes no other braces.
    """
    # With DEBUG a template may be edited while the server runs.
    render = _render.__wrapped__ if settings.DEBUG else _render
    text = render(template_name, variant, get_language(), tuple(values))
    return format_html(text, **values) if values else text


@cache
def _render(
    template_name: str, variant: str, language: str | None, names: tuple[str, ...]
) -> SafeString:
    """The template with ``{name}`` for each value. Bounded: templates name all arguments."""
    fields = {name: f"{{{name}}}" for name in names}
    return render_to_string(template_name, {"variant": variant, **fields})


def forget_rendered() -> None:
    """For tests that change the names of static files."""
    _render.cache_clear()
    for loader in Engine.get_default().template_loaders:
        loader.reset()
