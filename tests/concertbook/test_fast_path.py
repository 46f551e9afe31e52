"""The fast path of polls and joins: Django's answers with less SQL."""

import datetime as dt

import pytest
from django.core.wsgi import get_wsgi_application
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from accounts.models import User
from concertbook.http.fast_path import FastPath
from concertbook.http.public_cache import PublicCache
from queueing.line.build import drop_index
from queueing.models import QueueToken
from queueing.services import admission, index_build, join_and_leave
from tests.factories import UserFactory, WaitingRoomFactory
from tests.fast_path import FellThrough, ask

# Outside a transaction: the fast path closes connections that are too old.
pytestmark = pytest.mark.django_db(transaction=True)


def bearer(user):
    return {"Authorization": f"Bearer {issue_tokens(user).access}"}


def address_of(token):
    return f"/api/v1/queue-tokens/{token.pk}/"


@pytest.fixture
def room():
    """A room with one place inside, which is taken, and an index."""
    room = WaitingRoomFactory(capacity=1)
    join_and_leave.join(user=UserFactory(), slug=room.slug)
    index_build.build_missing()
    return room


def waiting_in(room):
    place, _joined = join_and_leave.join(user=UserFactory(), slug=room.slug)
    return QueueToken.objects.get(pk=place.token)


def test_it_gives_djangos_answer_without_sql(room, app, django_assert_num_queries):
    waiting_in(room)
    me = waiting_in(room)
    headers = bearer(me.user)

    with django_assert_num_queries(0):
        status, _headers, body = ask(address_of(me), **headers)

    slow = app(me.user).get(address_of(me))
    assert (status, body["ahead"], body["status"]) == (200, 1, "WAITING")
    random = {"poll_after_seconds": body["poll_after_seconds"]}
    assert body == slow.json() | random
    assert list(body) == list(slow.json())


def test_it_tells_when_to_ask_again_and_keeps_the_answer_from_caches(room):
    me = waiting_in(room)

    _status, headers, body = ask(address_of(me), **bearer(me.user))

    assert headers["Retry-After"] == str(body["poll_after_seconds"])
    assert 1 <= body["poll_after_seconds"] <= 2
    assert headers["Content-Type"] == "application/json"
    assert headers["Cache-Control"] == "no-store"


def test_an_admitted_buyer_is_told_without_sql(room, django_assert_num_queries):
    me = waiting_in(room)
    room.capacity = 2
    room.save()
    admission.admit(room_id=room.pk)
    headers = bearer(me.user)

    with django_assert_num_queries(0):
        _status, _headers, body = ask(address_of(me), **headers)

    me.refresh_from_db()
    told = dt.datetime.fromisoformat(body["expires_at"])
    assert (body["status"], body["is_admitted"], body["ahead"]) == ("ACTIVE", True, 0)
    assert abs(told - me.expires_at) < dt.timedelta(milliseconds=1)


def test_a_browser_polls_with_the_credential_of_its_waiting_room_page(
    room, client, django_assert_num_queries
):
    me = UserFactory()
    client.force_login(me)
    client.post(f"/rooms/{room.slug}/", follow=True)
    token = QueueToken.objects.get(user=me)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())

    with django_assert_num_queries(0):
        status, _headers, body = ask(address_of(token), Cookie=cookies)

    assert (status, body["token"]) == (200, str(token.pk))
    line_credential = client.cookies["line_credential"]
    assert line_credential["httponly"]
    assert line_credential["path"] == "/api/v1/"


def test_a_credential_is_worth_nothing_with_another_session_or_another_name(room, client):
    me, other_user = UserFactory(), UserFactory()
    client.force_login(me)
    client.post(f"/rooms/{room.slug}/", follow=True)
    token = QueueToken.objects.get(user=me)
    session = client.cookies["sessionid"].value
    _name, _dot, signature = client.cookies["line_credential"].value.partition(".")
    # Another browser: the first session remains valid, and only the signature is wrong.
    other = Client()
    other.force_login(other_user)
    other_session = other.cookies["sessionid"].value

    for line_credential, session_key in [
        (f"{me.pk.hex}.{signature}", other_session),
        (f"{other_user.pk.hex}.{signature}", session),
        (f"{me.pk.hex}.{signature}", ""),
        (me.pk.hex, session),
        ("", session),
        ("no-one.é", session),
    ]:
        with pytest.raises(FellThrough):
            ask(
                address_of(token),
                Cookie=f"sessionid={session_key}; line_credential={line_credential}",
            )


def test_after_a_log_out_a_poll_falls_through_and_is_refused(room, app):
    me = waiting_in(room)
    headers = bearer(me.user)
    assert ask(address_of(me), **headers)[0] == 200

    client = app()
    client.credentials(HTTP_AUTHORIZATION=headers["Authorization"])
    assert client.post("/api/v1/auth/logout/").status_code == 204

    with pytest.raises(FellThrough):
        ask(address_of(me), **headers)
    assert client.get(address_of(me)).status_code == 401


def test_an_access_token_that_was_good_is_not_when_its_time_is_over(room, time_machine):
    me = waiting_in(room)
    headers = bearer(me.user)
    assert ask(address_of(me), **headers)[0] == 200

    time_machine.move_to(timezone.now() + dt.timedelta(hours=2))

    with pytest.raises(FellThrough):
        ask(address_of(me), **headers)


def test_another_users_token_is_not_found(room, app):
    stranger, me = UserFactory(), waiting_in(room)

    with pytest.raises(FellThrough):
        ask(address_of(me), **bearer(stranger))
    assert app(stranger).get(address_of(me)).status_code == 404


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer x.y.z"},
        {"Authorization": "Basic eDp5"},
        {"Authorization": "Bearer"},
        {"Cookie": "sessionid=; line_credential="},
        {"Cookie": '\x00=";,{}'},
    ],
)
def test_a_request_without_a_valid_credential_is_left_to_django(room, headers):
    with pytest.raises(FellThrough):
        ask(address_of(waiting_in(room)), **headers)


@pytest.mark.parametrize("method", ["HEAD", "POST", "DELETE", "OPTIONS"])
def test_only_a_get_is_a_poll(room, method):
    me = waiting_in(room)
    with pytest.raises(FellThrough):
        ask(address_of(me), method=method, **bearer(me.user))


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "[", ""])
def test_another_host_is_left_to_django(room, host, caplog):
    me = waiting_in(room)
    with pytest.raises(FellThrough):
        ask(address_of(me), Host=host, **bearer(me.user))

    # Django's own check, which the common headers run through, would raise and be logged.
    assert caplog.messages == []


def test_any_other_address_is_left_to_django(room):
    me = waiting_in(room)
    for path in ["/", address_of(me)[:-1], address_of(me) + "x/", "/api/v1/queue-tokens/x/"]:
        with pytest.raises(FellThrough):
            ask(path, **bearer(me.user))


def test_without_an_index_django_answers_from_the_table(room, app):
    waiting_in(room)
    me = waiting_in(room)
    drop_index(room.pk)

    with pytest.raises(FellThrough):
        ask(address_of(me), **bearer(me.user))
    assert app(me.user).get(address_of(me)).json()["ahead"] == 1


def test_polls_above_the_limit_get_429_with_retry_after(room, app, settings):
    settings.POLLS_PER_USER = 3
    me = waiting_in(room)
    headers = bearer(me.user)

    answers = [ask(address_of(me), **headers)[0] for _ in range(4)]

    assert answers == [200, 200, 200, 429]
    _status, refused, body = ask(address_of(me), **headers, Accept_Language="en")
    assert body["code"] == "too_many_requests"
    assert body["detail"] == "Too many requests. Please wait a moment."
    assert refused["Content-Type"] == "application/problem+json"
    assert 1 <= int(refused["Retry-After"]) <= 10
    assert app(me.user).get(address_of(me)).status_code == 429, "Django counts on"


def test_the_served_application_is_the_fast_path_and_the_cache_around_django(room):
    from concertbook.wsgi import application

    assert isinstance(application, FastPath)
    assert isinstance(application.django, PublicCache)
    assert type(application.django.django) is type(get_wsgi_application())


def test_the_wait_counts_from_the_opening_of_a_room_that_has_yet_to_open():
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=timezone.now() + dt.timedelta(hours=1))
    index_build.build_missing()
    me = waiting_in(room)

    _status, _headers, body = ask(address_of(me), **bearer(me.user))

    assert body["room_state"] == "SCHEDULED"
    assert 3500 < body["estimated_wait_from_seconds"] <= body["estimated_wait_until_seconds"]
    assert body["poll_after_seconds"] > 40, "no browser polls every two seconds for an hour"
    assert body["poll_after_seconds"] <= 60


def join(room, user, **headers):
    return ask(f"/api/v1/waiting-rooms/{room.slug}/tokens/", method="POST", **headers)


def test_a_join_is_one_statement_and_says_what_django_says(room, app, django_assert_num_queries):
    waiting_in(room)
    me = UserFactory()
    headers = bearer(me)

    with django_assert_num_queries(1):
        status, answer_headers, body = join(room, me, **headers)

    again = app(me).post(f"/api/v1/waiting-rooms/{room.slug}/tokens/")
    assert (status, body["status"], body["ahead"]) == (201, "WAITING", 1)
    assert answer_headers["Retry-After"] == str(body["poll_after_seconds"])
    assert again.status_code == 200
    assert body == again.json() | {"poll_after_seconds": body["poll_after_seconds"]}


def test_a_join_to_a_room_with_room_is_let_in_at_once():
    room, me = WaitingRoomFactory(), UserFactory()
    index_build.build_missing()

    status, _headers, body = join(room, me, **bearer(me))

    assert (status, body["status"]) == (201, "ACTIVE")


def test_joins_out_of_the_ordinary_are_left_to_django(room, app, client):
    me = UserFactory()
    headers = bearer(me)
    client.force_login(me)
    client.post(f"/rooms/{room.slug}/", follow=True)
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    closed = WaitingRoomFactory(state="CLOSED")
    for where, shown in [
        (room, headers),  # in line already
        (closed, headers),
        (WaitingRoomFactory.build(slug="unknown"), headers),
        (WaitingRoomFactory(), {"Cookie": cookies}),
        (WaitingRoomFactory(), {}),
        (WaitingRoomFactory(), headers | {"Content-Length": "99999999"}),
        (WaitingRoomFactory(), headers | {"Host": "evil.example"}),
    ]:
        with pytest.raises(FellThrough):
            join(where, me, **shown)
    assert QueueToken.objects.filter(user=me).count() == 1


def test_an_inactive_user_does_not_join(room, app):
    me = UserFactory()
    headers = bearer(me)
    # The user's manager would end the session, and the statement would not be reached.
    QuerySet(User).filter(pk=me.pk).update(is_active=False)

    with pytest.raises(FellThrough):
        join(room, me, **headers)
    client = app()
    client.credentials(HTTP_AUTHORIZATION=headers["Authorization"])
    assert client.post(f"/api/v1/waiting-rooms/{room.slug}/tokens/").status_code == 401
    assert not QueueToken.objects.filter(user=me).exists()


def test_joins_above_the_limit_get_429_with_retry_after(room, app, settings):
    settings.JOINS_PER_USER = 2
    me = UserFactory()
    headers = bearer(me)
    address = f"/api/v1/waiting-rooms/{room.slug}/tokens/"

    statuses = [join(room, me, **headers)[0]]
    statuses += [app(me).post(address).status_code for _ in range(2)]
    status, refused, body = join(room, me, **headers)

    assert statuses == [201, 200, 429]
    assert (status, body["code"]) == (429, "too_many_requests")
    assert 1 <= int(refused["Retry-After"]) <= 10


@pytest.mark.parametrize("limit", ["JOINS_PER_ADDRESS", "POLLS_PER_ADDRESS"])
def test_the_limit_per_address_ignores_a_forged_x_forwarded_for(room, settings, limit):
    setattr(settings, limit, 4)
    statuses = []
    for _ in range(5):
        me = UserFactory()
        status, _headers, body = join(room, me, **bearer(me), X_Forwarded_For="10.9.8.7")
        if status == 201:
            address = f"/api/v1/queue-tokens/{body['token']}/"
            status, _headers, _body = ask(address, **bearer(me), X_Forwarded_For="10.9.8.6")
        statuses.append(status)

    assert statuses[0] == 200
    assert statuses[-1] == 429
