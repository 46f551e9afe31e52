"""Titles, venues and notices in the page's language; what stays Korean is marked as Korean."""

import pytest
from django.template import engines
from django.utils.translation import override

from concerts.models import Concert

CONCERT = Concert(
    title="한밤의 <재즈>", title_en="Jazz & midnight", venue="연남 블루룸", artist="Kim Trio"
)


def rendered(template: str) -> str:
    load = "{% load sales texts %}"
    return engines["django"].from_string(load + template).render({"concert": CONCERT})


@pytest.mark.parametrize(
    ("name", "ko", "en"),
    [
        ("title", "한밤의 &lt;재즈&gt;", "Jazz &amp; midnight"),
        ("venue", "연남 블루룸", '<span lang="ko">연남 블루룸</span>'),
        ("artist", "Kim Trio", "Kim Trio"),
        ("notice", "", ""),
    ],
)
def test_a_concert_is_told_in_the_language_of_the_page(name, ko, en):
    tag = f'{{% told concert "{name}" %}}'
    with override("ko"):
        assert rendered(tag) == ko
    with override("en"):
        assert rendered(tag) == en


def test_in_an_attribute_there_is_no_markup():
    with override("en"):
        assert rendered('{{ concert|told_as_text:"venue" }}') == "연남 블루룸"


def test_an_element_with_korean_text_says_so_on_an_english_page_alone():
    template = "<p{{ concert.venue|lang }}>{{ concert.venue|korean }}</p>"
    with override("ko"):
        assert rendered(template) == "<p>연남 블루룸</p>"
    with override("en"):
        assert rendered(template).startswith('<p lang="ko">')
