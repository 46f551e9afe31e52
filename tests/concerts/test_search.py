"""A search finds texts that look equal in any composition: on pages, in the API, in the admin."""

import unicodedata

import pytest

from tests.factories import ConcertFactory, StaffFactory, UserFactory

pytestmark = pytest.mark.django_db

ALIKE = {
    "decomposed Hangul finds composed": (
        "봄밤의 재즈",
        unicodedata.normalize("NFD", "봄밤의 재즈"),
    ),
    "composed Hangul finds decomposed": (unicodedata.normalize("NFD", "봄밤의 재즈"), "봄밤의 재"),
    "accents in either form": ("Beyonce\u0301 Live", "beyoncé"),
    "accents in the other form": ("Beyoncé Live", "BEYONCE\u0301"),
    "letters of full width": ("ＩＵ Concert", "iu concert"),
    "letters of half width for full": ("IU Concert", "ＩＵ"),
    "katakana of half width": ("ライブ", "ﾗｲﾌﾞ"),
    "any case": ("Winter Tour", "wINTER"),
    "final sigma": ("ΟΔΥΣΣΕΥΣ", "οδυσσευς"),
    "spaces of any kind and number": ("Jazz\u3000\u00a0 night", " jazz  night "),
    "letters without width": ("K\u200bpop\u00ad night\ufeff", "kpop night"),
    "typographic quotation marks": ("Don\u2019t stop \u2013 live", "don't stop - live"),
    "a quotation mark for a typographic one": ("Don't stop", "don\u2019t"),
    "the Korean keyboard's dot for a middle dot": ("서울·부산", "서울ㆍ부산"),
    "a middle dot for the katakana dot": ("서울・부산", "서울·부산"),
    "a tilde for a wave": ("10〜12월", "10~12월"),
    "ligatures": ("The ﬁnal", "the final"),
    "the percent sign as it is": ("100% live", "100%"),
}


@pytest.mark.parametrize(("title", "search"), ALIKE.values(), ids=ALIKE)
def test_texts_that_look_equal_are_found_everywhere(client, title, search):
    concert = ConcertFactory(title=title)
    UserFactory(name=title)
    client.force_login(StaffFactory(is_superuser=True))

    def found(address, name):
        return client.get(address, {name: search})

    assert list(found("/", "search").context["page"]) == [concert]
    assert len(found("/api/v1/concerts/", "search").json()["results"]) == 1
    for address in ("/admin/concerts/concert/", "/admin/accounts/user/"):
        assert found(address, "q").context["cl"].result_count == 1, address


@pytest.mark.parametrize("field", ["venue", "description"])
def test_hall_and_description_are_searched_in_the_same_way(client, field):
    ConcertFactory(**{field: unicodedata.normalize("NFD", "예술의전당")})

    assert len(client.get("/", {"search": "예술의전당"}).context["page"]) == 1


@pytest.mark.parametrize("search", ["재즈밤", "z", "%", "_", "\\", "재\u1100"])
def test_texts_that_look_different_are_not_found(client, search):
    ConcertFactory(title="봄밤의 재즈", venue="예술의전당")

    assert not client.get("/", {"search": search}).context["page"].object_list


def test_a_long_title_is_found_by_all_of_its_decomposed_letters(client):
    title = "한" * 90
    ConcertFactory(title=title)
    search = unicodedata.normalize("NFD", title)

    assert len(client.get("/", {"search": search}).context["page"]) == 1
    assert len(client.get("/api/v1/concerts/", {"search": search}).json()["results"]) == 1


@pytest.mark.parametrize("search", ["\u200b", " ", "\u3000"])
def test_a_search_for_nothing_to_be_seen_finds_all(client, search):
    ConcertFactory()

    assert len(client.get("/", {"search": search}).context["page"]) == 1


INITIALS = {
    "initials of a word": "ㅇㅎㄷ",
    "initials of several words": "ㅎㅂㅈㅈ",
    "initials between syllables": "한ㅂ재",
    "initials typed as the keyboard joins them": "ㄳㅇ",
    "initials of half width": "ﾷﾾ",
    "the artist": "ㅇㄱㅅㅇ",
    "the hall": "ㅁㅈ홀",
    "the English title": "moonㄹ",
    "in any case, beside letters and signs": "밤 (vol. 2) ㄱ",
}


@pytest.mark.parametrize("search", INITIALS.values(), ids=INITIALS)
def test_names_are_found_by_initial_consonants(client, search):
    wanted = ConcertFactory(
        title=unicodedata.normalize("NFD", "연희동 한밤 재즈"),
        title_en="Moon라이트 밤 (Vol. 2) 공연",
        artist="윤가수안",
        venue="먼지홀",
    )
    ConcertFactory(title="겨울 콘서트", artist="하모니", venue="대극장")

    assert list(client.get("/", {"search": search}).context["page"]) == [wanted]
    assert len(client.get("/api/v1/concerts/", {"search": search}).json()["results"]) == 1


@pytest.mark.parametrize("search", ["ㅎㅇㄷ", "연ㄷ", "ㅇ.ㅎ", "ㄲ", "ㅎㄷㅎ"])
def test_other_initials_are_not_found(client, search):
    ConcertFactory(title="연희동", venue="홍대")

    assert not client.get("/", {"search": search}).context["page"].object_list


def test_initials_are_sought_in_names_only_but_a_text_that_has_them_is_found(client):
    ConcertFactory(description="연희동에서 열립니다")
    laughs = ConcertFactory(description="웃음이 ㅋㅋㅋ 나는 밤")

    assert not client.get("/", {"search": "ㅇㅎㄷ"}).context["page"].object_list
    assert list(client.get("/", {"search": "ㅋㅋㅋ"}).context["page"]) == [laughs]


@pytest.mark.parametrize("field", ["artist", "venue_en", "title_en"])
def test_every_name_is_searched(client, field):
    ConcertFactory(**{field: "Nocturne"})

    assert len(client.get("/", {"search": "nocturne"}).context["page"]) == 1


@pytest.mark.parametrize("search", ["[", "ㅎ[", "(ㅎ", "\\ㅎ", "ㅎ*", "ㅎ{9999999}", "***:ㅎ"])
def test_what_means_something_in_an_expression_is_a_letter_of_the_search(client, search):
    ConcertFactory(title="하루")

    response = client.get("/", {"search": search})

    assert response.status_code == 200
    assert not response.context["page"].object_list
