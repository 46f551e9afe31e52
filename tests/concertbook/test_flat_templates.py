"""Flat templates render what the templates that they are made of do."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Engine, engines
from django.template.base import TextNode
from django.utils import translation

from accounts.models import User
from concertbook.http.flat_templates import flatten

TEMPLATES = Path(settings.BASE_DIR / "templates")
OURS = sorted(
    str(path.relative_to(TEMPLATES))
    for path in TEMPLATES.rglob("*.html")
    if path.relative_to(TEMPLATES).parts[0] != "admin"
)
PARTS = {
    "layout": '{% load i18n %}<{% block a %}{% translate "Log in" %}{% endblock %}'
    "{% block b %}{{ name }}{% endblock %}>",
    "page": '{% extends "layout" %}{% load addresses %}{% block a %}'
    "{% public_page 'concert_list' as name %}{{ name }}{% endblock %}",
    "child": '{% extends "layout" %}{% block b %}{% endblock %}',
    "outer": '{% block a %}{% for each in shown %}{% include "part" with name=each %}{% endfor %}'
    "{{ name }}{% endblock %}",
    "part": '[{{ name }}]{% if name == "x" %}{% include "part" with name="y" %}{% endif %}',
}


@pytest.fixture
def plain():
    """Django's own engine, with the same tags."""
    flat = engines["django"].engine
    return Engine(dirs=flat.dirs, app_dirs=True, libraries=flat.libraries, builtins=flat.builtins)


@pytest.fixture
def parts(monkeypatch):
    """An engine for PARTS, all of which count as ours."""
    monkeypatch.setattr("concertbook.http.flat_templates._is_ours", lambda template: True)
    libraries = engines["django"].engine.libraries
    return Engine(loaders=[("django.template.loaders.locmem.Loader", PARTS)], libraries=libraries)


@pytest.mark.django_db
@pytest.mark.parametrize("visitor", [AnonymousUser(), User(name="Kim", email="kim@example.com")])
def test_every_page_renders_the_same_with_what_can_be_rendered_without_its_rows(rf, plain, visitor):
    rendered = 0
    for language in ("ko", "en"):
        for name in OURS:
            with translation.override(language):
                ours, theirs = (
                    _outcome(engine, name, rf.get("/tickets/"), visitor)
                    for engine in (engines["django"].engine, plain)
                )
            assert ours == theirs, name
            rendered += ours.strip() != "" and not ours.startswith("error: ")
    assert rendered > len(OURS)


def _outcome(engine, name, request, visitor):
    request.public_policy = None
    context = Context(
        {"request": request, "user": visitor, "csrf_token": "token", "reads_database": True}
    )
    try:
        return engine.get_template(name).render(context)
    except Exception as exc:
        return f"error: {type(exc).__name__}"


@pytest.mark.parametrize(("language", "words"), [("ko", "로그인"), ("en", "Log in")])
def test_what_never_changes_is_one_text_in_each_language(parts, language, words):
    with translation.override(language):
        page = parts.get_template("child")
        flatten(page)

    assert [(type(node), node.s) for node in page.nodelist] == [(TextNode, f"<{words}>")]


def test_a_name_that_a_block_sets_does_not_leave_it(parts, rf):
    page = parts.get_template("page")
    context = {"name": "mine", "request": rf.get("/"), "public_address": "/en/"}
    before = page.render(Context(context))
    flatten(page)

    assert page.render(Context(context)) == before == "</en/mine>"


def test_a_part_that_includes_itself_ends(parts):
    page = parts.get_template("outer")
    flatten(page)

    assert page.render(Context({"shown": ["x", "z"], "name": "n"})) == "[x][y][z]n"
