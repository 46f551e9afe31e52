"""Public pages: their language, and what is personal on them."""

import pytest
from django.test import Client

from queueing.services.join_and_leave import join
from tests.factories import ConcertFactory, ScheduleFactory, UserFactory, WaitingRoomFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def schedule():
    return ScheduleFactory()


def text(response):
    return response.content.decode()


# --- The language --------------------------------------------------------------------------------


def test_an_address_that_names_a_language_is_in_it(client):
    for path, language in {"/ko/": "ko", "/en/": "en"}.items():
        for accepted in "ko", "en", "fr":
            client.cookies["django_language"] = accepted
            page = client.get(path, headers={"Accept-Language": accepted})
            assert f'<html lang="{language}">' in text(page)
            assert page["Content-Language"] == language
            assert page["Vary"] == "Accept-Encoding"


def test_without_a_language_in_the_address_the_browser_decides_and_never_a_cookie(client):
    client.cookies["django_language"] = "en"
    for accepted, language in {"ko": "ko", "en-GB": "en", "fr": "ko", "": "ko"}.items():
        page = client.get("/", headers={"Accept-Language": accepted})
        assert f'<html lang="{language}">' in text(page)
        assert "Accept-Language" in page["Vary"]


def test_a_page_links_to_itself_in_the_other_languages(client, schedule):
    page = text(client.get(f"/en/concerts/{schedule.concert_id}/"))

    path = f"/concerts/{schedule.concert_id}/"
    for code, address in {"ko": f"/ko{path}", "en": f"/en{path}", "x-default": path}.items():
        assert f'hreflang="{code}" href="http://testserver{address}"' in page
    assert f'<a href="/ko{path}" lang="ko" hreflang="ko">한국어</a>' in page


def test_a_search_is_kept_when_the_language_is_switched(client):
    assert 'href="/ko/?search=jazz"' in text(client.get("/en/", {"search": "jazz"}))


def test_links_keep_the_language_that_the_address_names(client, schedule):
    concert = f"/concerts/{schedule.concert_id}/"

    assert f'href="/en{concert}"' in text(client.get("/en/"))
    assert f'href="{concert}"' in text(client.get("/"))
    assert 'href="/en/"' in text(client.get(f"/en{concert}"))


def test_private_pages_link_to_public_ones_in_the_language_of_the_cookie(client):
    client.force_login(UserFactory())
    assert '<a class="brand" href="/">' in text(client.get("/tickets/"))
    client.cookies["django_language"] = "en"
    assert '<a class="brand" href="/en/">' in text(client.get("/tickets/"))
    client.cookies["django_language"] = "xx"
    assert '<a class="brand" href="/">' in text(client.get("/tickets/"))


def test_after_the_log_out_the_catalogue_is_in_the_chosen_language(client):
    client.force_login(UserFactory())
    client.cookies["django_language"] = "en"

    assert client.post("/accounts/logout/")["Location"] == "/en/"


# --- What is personal ----------------------------------------------------------------------------


def test_a_public_page_is_whole_without_the_personal_part(client, schedule):
    page = text(client.get(f"/en/concerts/{schedule.concert_id}/"))

    for address in "/accounts/login/", "/accounts/signup/", "/tickets/", "/balance/":
        assert f'href="{address}"' in page
    assert "csrfmiddlewaretoken" not in page
    assert "Join the line" in page


def test_the_personal_part_names_balance_messages_and_place(client, schedule):
    room = schedule.concert.waiting_room
    room.capacity = 1
    room.save()
    join(user=UserFactory(), slug=room.slug)
    user = UserFactory(won=12_345)
    join(user=user, slug=room.slug)
    client.force_login(user)
    about = {"page": f"/en/concerts/{schedule.concert_id}/", "language": "en", "room": room.slug}

    part = client.get("/visitor/", about)

    assert part["Cache-Control"] == "no-store"
    assert part["Content-Language"] == "en"
    assert "₩12,345" in text(part)
    assert "csrfmiddlewaretoken" in text(part)
    assert f'You are in line: <a href="/rooms/{room.slug}/">You are next</a>' in text(part)
    assert f'href="/ko/concerts/{schedule.concert_id}/"' in text(part)


def test_the_personal_part_of_a_logged_out_visitor_asks_to_log_in(client):
    part = text(client.get("/visitor/", {"page": "/", "language": "ko", "room": "nowhere"}))

    assert 'href="/accounts/login/"' in part
    assert "/tickets/" not in part


def test_a_place_in_a_room_that_the_buyer_may_not_see_is_left_out(client):
    client.force_login(UserFactory())
    WaitingRoomFactory(slug="rehearsal-1", rehearsal="rehearsal-1")

    for slug in "rehearsal-1", "nowhere", "\x00":
        assert client.get("/visitor/", {"page": "/", "room": slug}).status_code == 200


@pytest.mark.parametrize(
    "page", ["https://else.example/", "//else.example/", "x", "", '/"><script>']
)
def test_the_personal_part_links_to_no_other_site(client, page):
    part = text(client.get("/visitor/", {"page": page, "language": "en"}))

    assert "else.example" not in part
    assert "<script>" not in part


def test_a_message_waits_for_the_personal_part(client):
    user = UserFactory()
    client.force_login(user)
    place, _new = join(user=user, slug=WaitingRoomFactory().slug)
    client.post(f"/places/{place.token}/leave/")

    assert '<p class="message' not in text(client.get("/"))
    assert '<p class="message' in text(client.get("/visitor/"))
    assert '<p class="message' not in text(client.get("/visitor/"))


def test_scripts_see_by_a_cookie_whether_there_is_anything_personal(client):
    client.get("/accounts/login/")
    assert "visitor" not in client.cookies

    client.force_login(UserFactory())
    client.get("/tickets/")
    cookie = client.cookies["visitor"]
    assert (cookie.value, cookie["httponly"], cookie["samesite"]) == ("1", "", "Lax")

    client.post("/accounts/logout/")
    client.get("/visitor/")
    assert client.cookies["visitor"]["max-age"] == 0


# --- The form without a token --------------------------------------------------------------------


@pytest.fixture
def browser():
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory())
    return client


@pytest.fixture
def address(schedule):
    return f"/rooms/{schedule.concert.waiting_room.slug}/"


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://testserver"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-origin"},
    ],
)
def test_a_form_of_this_site_joins_without_a_token(browser, address, headers):
    assert browser.post(address, headers=headers).status_code == 302


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": ""},
        {"Origin": "https://testserver"},
        {"Origin": "http://testserver:81"},
        {"Origin": "http://testserver.else.example"},
        {"Origin": "http://[else"},
        {"Origin": "http://else.example", "Sec-Fetch-Site": "same-origin"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_any_other_form_without_a_token_is_refused(browser, address, headers):
    response = browser.post(address, headers=headers)

    assert response.status_code == 403
    assert "<h1>" in text(response)


def test_an_older_browser_joins_with_the_token(browser, address):
    browser.get(address)
    token = browser.cookies["csrftoken"].value

    assert browser.post(address, {"csrfmiddlewaretoken": token}).status_code == 302


def test_a_token_does_not_help_another_site(browser, address):
    browser.get(address)
    token = browser.cookies["csrftoken"].value
    headers = {"Origin": "http://else.example"}

    response = browser.post(address, {"csrfmiddlewaretoken": token}, headers=headers)

    assert response.status_code == 403


@pytest.mark.parametrize("trusted", ["https://tickets.example", "https://*.example"])
def test_a_trusted_origin_joins_without_a_token(browser, address, settings, trusted):
    settings.CSRF_TRUSTED_ORIGINS = [trusted]

    assert browser.post(address, headers={"Origin": "https://tickets.example"}).status_code == 302
    assert browser.post(address, headers={"Origin": "http://tickets.example"}).status_code == 403


def test_all_other_forms_need_the_token(browser):
    headers = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}

    assert browser.post("/checkout/", headers=headers).status_code == 403


def test_a_rehearsals_concert_is_in_no_list_of_any_language(client):
    WaitingRoomFactory(slug="rehearsal-1", rehearsal="rehearsal-1")
    ConcertFactory(waiting_room__slug="real", title="Real")

    for path in "/", "/ko/", "/en/":
        assert "rehearsal" not in text(client.get(path))
