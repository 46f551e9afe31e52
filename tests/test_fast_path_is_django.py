"""The fast path and Django answer every request alike: status, headers and body.

Each odd request is sent to both, in two worlds of the same making, and the answers are compared.
"""

import datetime as dt
import json
import re
import uuid
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pytest
from django.test import RequestFactory
from django.utils import timezone

import payments.fast_path
import queueing.fast_path
from accounts.app_tokens import issue_tokens
from concertbook.http.common_headers import forget_settings
from concertbook.http.fast_path import FastPath
from concertbook.wsgi import application, django_application
from queueing.models import QueueToken
from queueing.services import index
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, admitted, held

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class World:
    """A buyer who is let in and holds seat 1; another one holds seat 2."""

    access: str
    refresh: str
    schedule: Any
    token: uuid.UUID
    mine: uuid.UUID
    theirs: uuid.UUID
    rival: str

    @classmethod
    def new(cls):
        schedule = ScheduleFactory(seats=8, price=10_000)
        user, rival = UserFactory(won=50_000), UserFactory()
        token = admitted(user, schedule).pk
        (mine,), (theirs,) = held(user, schedule, 1), held(rival, schedule, 2)
        index.build_missing()
        tokens = issue_tokens(user)
        return cls(
            access=tokens.access,
            refresh=tokens.refresh,
            schedule=schedule,
            token=token,
            mine=mine.pk,
            theirs=theirs.pk,
            rival=issue_tokens(rival).access,
        )

    def poll(self, **changed):
        return {"path": f"/api/v1/queue-tokens/{self.token}/"} | changed

    def join(self, **changed):
        slug = WaitingRoomFactory().slug
        index.build_missing()
        return {"method": "POST", "path": f"/api/v1/waiting-rooms/{slug}/tokens/"} | changed

    def hold(self, body=b'{"seats": [3]}', **changed):
        path = f"/api/v1/schedules/{self.schedule.pk}/reservations/"
        token = {"Queue-Token": str(self.token)}
        return self.post(path, body, token, **changed)

    def pay(self, body=None, **changed):
        body = body or json.dumps({"reservations": [str(self.mine)]}).encode()
        return self.post("/api/v1/payments/", body, {"Idempotency-Key": "k"}, **changed)

    def post(self, address, body, more, headers=None, **changed):
        asked = {"method": "POST", "path": address, "body": body, "type": "application/json"}
        return asked | changed | {"headers": more | (headers or {})}


def send(wsgi, world, asked):
    """Status, headers and body of a request; the buyer's, if it says nothing else."""
    asked = {"method": "GET", "body": b"", "type": "", "environ": {}, "headers": {}} | asked
    headers = {
        "Host": "testserver",
        "Accept-Language": "ko",
        "Authorization": f"Bearer {world.access}",
    } | asked["headers"]
    headers = {name: value for name, value in headers.items() if value is not None}
    environ = (
        RequestFactory(headers=headers)
        .generic(asked["method"], asked["path"], asked["body"], content_type=asked["type"])
        .environ
    )
    environ["wsgi.input"] = BytesIO(asked["body"])
    environ |= asked["environ"]
    started = []
    chunks = wsgi(environ, lambda *head: started.append(head))
    body = b"".join(chunks)
    getattr(chunks, "close", lambda: None)()
    ((status, answer_headers),) = started
    answer_headers = {name.lower(): value for name, value in answer_headers}
    return int(status[:3]), comparable(answer_headers), body


def comparable(headers):
    if "vary" in headers:
        headers["vary"] = {name.strip().lower() for name in headers["vary"].split(",")}
    # Spread at random, and as long as what is compared in the body.
    if headers.get("retry-after"):
        headers["retry-after"] = "some"
    headers.pop("content-length", None)
    return headers


RANDOM = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.]+Z?"
    r'|"code":"[A-Za-z0-9_-]{16,}"|"poll_after_seconds":\d+|room-?\d+|"concert_title":"[^"]*"'
)


def said(body):
    """The body without what differs from one world to the next."""
    return RANDOM.sub("-", body.decode())


POLLS = {
    "as ever": {},
    "in English": {"headers": {"Accept-Language": "en"}},
    "in French": {"headers": {"Accept-Language": "fr, en;q=0.5"}},
    "nonsense for a language": {"headers": {"Accept-Language": "\xff;;q=x," * 50}},
    "a cookie for the language": {"headers": {"Cookie": "django_language=en"}},
    "html": {"headers": {"Accept": "text/html"}},
    "problems": {"headers": {"Accept": "application/problem+json"}},
    "no JSON": {"headers": {"Accept": "*/*, application/json;q=0"}},
    "weights": {"headers": {"Accept": "text/html, application/json;q=0.1"}},
    "nonsense for a type": {"headers": {"Accept": ";;;"}},
    "a small scheme": {"scheme": "bearer"},
    "a loud scheme": {"scheme": "BEARER"},
    "two spaces": {"scheme": "Bearer "},
    "another scheme": {"scheme": "Basic"},
    "no token": {"headers": {"Authorization": "Bearer"}},
    "nobody": {"headers": {"Authorization": None}},
    "a forged token": {"headers": {"Authorization": "Bearer x.y.z"}},
    "a token of letters": {"headers": {"Authorization": "Bearer \xe9"}},
    "HTTPS": {"environ": {"wsgi.url_scheme": "https"}},
    "HTTPS at the proxy": {"headers": {"X-Forwarded-Proto": "https"}},
    "another host": {"headers": {"Host": "evil.example"}},
    "a port": {"headers": {"Host": "testserver:8000"}},
    "a format": {"query": "?format=xml"},
    "a query": {"query": "?x=1&x=2"},
    "a body": {"body": b"{}", "type": "application/json"},
    "a long body": {"body": b"x" * 70_000},
    "a length without a body": {"environ": {"CONTENT_LENGTH": "99999999"}},
    "no length": {"environ": {"CONTENT_LENGTH": "many"}},
    "HEAD": {"method": "HEAD"},
    "OPTIONS": {"method": "OPTIONS"},
    "PUT": {"method": "PUT"},
    "upper case": {"case": str.upper},
    "no slash": {"end": ""},
    "two slashes": {"end": "//"},
    "an If-None-Match": {"headers": {"If-None-Match": "*"}},
    "an Origin": {"headers": {"Origin": "https://evil.example"}},
    "a Range": {"headers": {"Range": "bytes=0-1"}},
    "a method in a header": {"headers": {"X-HTTP-Method-Override": "DELETE"}},
}


def poll_of(world, odd):
    odd = dict(odd)
    change, query = odd.pop("case", str), odd.pop("query", "")
    path = f"/api/v1/queue-tokens/{change(str(world.token))}" + odd.pop("end", "/") + query
    if scheme := odd.pop("scheme", None):
        odd["headers"] = {"Authorization": f"{scheme} {world.access}"}
    return world.poll(path=path, **odd)


HOLDS = {
    "as ever": {},
    "with a key": {"headers": {"Idempotency-Key": "a key"}},
    "with an empty key": {"headers": {"Idempotency-Key": ""}},
    "with too long a key": {"headers": {"Idempotency-Key": "k" * 256}},
    "a seat of somebody else": {"body": b'{"seats": [2]}'},
    "a seat of mine": {"body": b'{"seats": [1]}'},
    "no such seat": {"body": b'{"seats": [99]}'},
    "too many": {"body": b'{"seats": [3, 4, 5, 6, 7]}'},
    "the same seat twice": {"body": b'{"seats": [3, 3]}'},
    "no seats": {"body": b'{"seats": []}'},
    "a seat in words": {"body": b'{"seats": ["3"]}'},
    "a seat with a point": {"body": b'{"seats": [3.0]}'},
    "true": {"body": b'{"seats": [true]}'},
    "no list": {"body": b'{"seats": 3}'},
    "a name twice": {"body": b'{"seats": [3], "seats": [4]}'},
    "more fields": {"body": b'{"seats": [3], "price": 1}'},
    "a lone surrogate": {"body": b'{"seats": [3], "\\ud800": 1}'},
    "no JSON": {"body": b"{"},
    "a list": {"body": b"[3]"},
    "nested": {"body": b"[" * 60_000},
    "no UTF-8": {"body": b"\xff"},
    "an empty body": {"body": b""},
    "a byte order mark": {"body": b'\xef\xbb\xbf{"seats": [3]}'},
    "too long": {"body": b'{"seats": [3]}' + b" " * 70_000},
    "a text": {"type": "text/plain"},
    "a form": {"type": "application/x-www-form-urlencoded"},
    "a charset": {"type": "application/json; charset=utf-8"},
    "another charset": {"type": "application/json; charset=utf-16"},
    "JSON in capitals": {"type": "Application/JSON"},
    "JSON with spaces": {"type": " application/json ;"},
    "an endless type": {"type": "application/json;" + "x" * 12_000},
    "no token": {"headers": {"Queue-Token": None}},
    "a forged token": {"headers": {"Queue-Token": str(uuid.UUID(int=7))}},
    "no UUID": {"headers": {"Queue-Token": "x"}},
    "an empty token": {"headers": {"Queue-Token": ""}},
    "a token in braces": {"headers": {"Queue-Token": f"{{{uuid.UUID(int=7)}}}"}},
    "English": {"headers": {"Accept-Language": "en"}, "body": b'{"seats": [2]}'},
    "html": {"headers": {"Accept": "text/html"}},
    "nobody": {"headers": {"Authorization": None}},
    "no such schedule": {"path": f"/api/v1/schedules/{uuid.UUID(int=7)}/reservations/"},
}
PAYMENTS = {
    "as ever": {},
    "with an empty key": {"headers": {"Idempotency-Key": ""}},
    "without a key": {"headers": {"Idempotency-Key": None}},
    "with too long a key": {"headers": {"Idempotency-Key": "k" * 256}},
    "with a key of letters": {"headers": {"Idempotency-Key": "\xe9"}},
    "nothing": {"body": b'{"reservations": []}'},
    "no UUID": {"body": b'{"reservations": ["x"]}'},
    "a number": {"body": b'{"reservations": [1]}'},
    "no such reservation": {"body": b'{"reservations": ["%s"]}' % str(uuid.UUID(int=7)).encode()},
    "English": {
        "headers": {"Accept-Language": "en"},
        "body": b'{"reservations": ["%s"]}' % str(uuid.UUID(int=7)).encode(),
    },
    "a form": {"type": "application/x-www-form-urlencoded"},
}
JOINS = {
    "as ever": {},
    "a body": {"body": b"{}", "type": "application/json"},
    "no JSON": {"body": b"{", "type": "application/json"},
    "a long body": {"body": b"x" * 70_000, "type": "application/json"},
    "html": {"headers": {"Accept": "text/html"}},
    "nobody": {"headers": {"Authorization": None}},
    "GET": {"method": "GET"},
    "no such room": {"path": "/api/v1/waiting-rooms/unknown/tokens/"},
}


def request_of(kind):
    return lambda world, odd: getattr(world, kind)(**odd)


REQUESTS = {
    f"{kind}, {name}": (make, odd)
    for kind, make, odds in [
        ("poll", poll_of, POLLS),
        ("hold", request_of("hold"), HOLDS),
        ("pay", request_of("pay"), PAYMENTS),
        ("join", request_of("join"), JOINS),
    ]
    for name, odd in odds.items()
}


@pytest.mark.parametrize("name", REQUESTS)
def test_both_give_one_answer(name):
    make, odd = REQUESTS[name]
    answers = []
    for wsgi in application, FastPath(django_application, []):
        world = World.new()
        status, headers, body = send(wsgi, world, make(world, odd))
        answers.append((status, headers, said(body)))
    fast, django = answers
    assert fast == django
    assert fast[0] < 500


def test_the_ordinary_is_answered_before_django():
    world = World.new()
    before = FastPath(fail, [*queueing.fast_path.ROUTES, *payments.fast_path.ROUTES])
    for asked in world.poll(), world.hold(), world.pay(), world.join():
        assert send(before, world, asked)[0] in (200, 201)


def fail(_environ, _start_response):
    pytest.fail("Django was asked")


def test_a_poll_of_a_browser_varies_by_its_cookie(client):
    me, room = UserFactory(), WaitingRoomFactory()
    client.force_login(me)
    client.post(f"/rooms/{room.slug}/", follow=True)
    index.build_missing()
    cookies = "; ".join(f"{name}={morsel.value}" for name, morsel in client.cookies.items())
    world = World.new()
    token = QueueToken.objects.get(user=me).pk
    asked = {
        "path": f"/api/v1/queue-tokens/{token}/",
        "headers": {"Authorization": None, "Cookie": cookies},
    }
    fast, django = (
        send(wsgi, world, asked) for wsgi in (application, FastPath(django_application, []))
    )
    assert fast[0] == django[0] == 200
    assert fast[1] == django[1]
    assert "cookie" in fast[1]["vary"]


def test_hsts_comes_with_https_on_both(settings):
    settings.SECURE_HSTS_SECONDS = 1000
    forget_settings()
    world = World.new()
    asked = world.poll(environ={"wsgi.url_scheme": "https"})
    fresh = type(django_application)()
    try:
        fast, django = (
            send(FastPath(fresh, routes), world, asked)
            for routes in (queueing.fast_path.ROUTES, [])
        )
    finally:
        forget_settings()
    assert fast[1] == django[1]
    assert fast[1]["strict-transport-security"].startswith("max-age=1000")


@pytest.mark.parametrize("broken", ["poll", "hold", "pay", "join"])
def test_a_bug_in_the_fast_path_is_djangos_to_answer(broken):
    world = World.new()
    asked = getattr(world, broken)()

    def bug(*_args):
        raise RuntimeError("a bug of ours")

    routes = [(method, path, bug) for method, path, _answer in application.routes]
    assert send(FastPath(django_application, routes), world, asked)[0] in (200, 201)


def test_a_body_that_breaks_off_is_the_clients_fault(caplog):
    class Broken(BytesIO):
        def read(self, *_args):
            raise OSError("the client went away")

    world = World.new()
    for headers in {}, {"Transfer-Encoding": "chunked"}:
        asked = world.hold(headers=headers)
        asked["environ"] = {"wsgi.input": Broken()}
        status, _headers, body = send(application, world, asked)
        assert (status, json.loads(body)["code"]) == (400, "malformed")


def test_an_expired_token_is_refused_alike(time_machine):
    answers = []
    for wsgi in application, FastPath(django_application, []):
        world = World.new()
        time_machine.move_to(timezone.now() + dt.timedelta(hours=2))
        answers.append(send(wsgi, world, world.poll())[:2])
        time_machine.move_to(dt.datetime.now(dt.UTC) - dt.timedelta(hours=2))
    assert answers[0] == answers[1]
    assert answers[0][0] == 401
