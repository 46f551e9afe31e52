"""Parts of the layout that are rendered once and filled in for each visitor."""

import pytest
from django.template import engines
from django.utils import translation

from tests.factories import UserFactory


@pytest.fixture
def rendered():
    """The output of a template that includes this tag."""

    def of(tag, **context):
        template = engines["django"].from_string("{% load layout %}" + tag)
        return template.render(context)

    return of


MENU = '{% rendered_once "bar/menu.html" "member" home="/" balance=balance %}'


def test_a_part_of_the_layout_is_in_the_language_of_each_request(rendered):
    for language, words in [("ko", "잔액"), ("en", "Balance"), ("ko", "잔액")]:
        with translation.override(language):
            assert words in rendered(MENU, balance=1)


def test_a_value_is_filled_in_each_time_and_escaped(rendered):
    assert '<b class="sum">1</b>' in rendered(MENU, balance=1)
    assert '<b class="sum">&lt;{home}&gt;</b>' in rendered(MENU, balance="<{home}>")


@pytest.mark.django_db
def test_each_member_sees_a_balance_and_a_form_token_of_their_own(client):
    seen = []
    for won in (1_000, 2_000):
        client.force_login(UserFactory(won=won))
        response = client.get("/accounts/?a={b}")
        page = response.content.decode()
        assert f"{won:,}원" in page
        assert page.count(str(response.context["csrf_token"])) >= 2
        assert 'name="next" value="/accounts/?a=%7Bb%7D"' in page
        seen.append(str(response.context["csrf_token"]))
    assert seen[0] != seen[1]
