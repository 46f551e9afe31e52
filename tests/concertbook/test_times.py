"""Times on pages and in messages: the venue's, with its zone."""

import datetime as dt

import pytest
from django.template import engines
from django.utils import timezone, translation

from concertbook.templatetags.times import clock_text, when_text

OPENING = dt.datetime(2026, 12, 22, 10, 30, 5, tzinfo=dt.UTC)
SHOWN = {"ko": "2026.12.22(화) 19:30", "en": "Tue 22 Dec 2026 19:30"}


def shown(source):
    template = engines["django"].from_string("{% load i18n times %}" + source)
    return template.render({"moment": OPENING})


@pytest.mark.parametrize("language", SHOWN)
def test_a_time_on_a_page_names_its_zone_and_is_readable_by_machines(language):
    with translation.override(language):
        page = shown("{{ moment|when }}")

    assert page == (
        f'<time datetime="2026-12-22T19:30:05+09:00">{SHOWN[language]}'
        ' <span class="zone">KST</span></time>'
    )


def test_a_time_inside_a_translated_sentence_is_not_escaped():
    with translation.override("en"):
        page = shown(
            "{% blocktranslate with until=moment|clock %}until {{ until }}{% endblocktranslate %}"
        )

    assert page.startswith('until <time datetime="2026-12-22T19:30:05+09:00">19:30:05 <span')


@pytest.mark.parametrize("language", SHOWN)
def test_a_time_in_a_message_is_text_with_its_zone_also_within_the_api(language):
    with translation.override(language), timezone.override(dt.UTC):
        assert when_text(OPENING) == f"{SHOWN[language]} KST"
        assert clock_text(OPENING) == "19:30:05 KST"
