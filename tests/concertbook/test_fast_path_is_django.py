"""The fast path and Django give equal answers: status, headers and body.

Each unusual request is sent to both and the answers are compared; after one that wrote something,
the other is asked in an equal world.
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
from queueing.services import index_build
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, admitted, held

pytestmark = pytest.mark.django_db(transaction=True)


@dataclass
class World:
    """An admitted buyer who holds seat 1; another buyer holds seat 2."""

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
        index_build.build_missing()
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
        index_build.build_missing()
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
    """Status, headers and body of a request, by default the buyer's."""
    credentials = {"Authorization": f"Bearer {world.access}"}
    return answer_to(wsgi, asked | {"headers": credentials | asked.get("headers", {})})


def answer_to(wsgi, asked):
    asked = {"method": "GET", "body": b"", "type": "", "environ": {}} | asked
    headers = {"Host": "testserver", "Accept-Language": "ko"} | asked["headers"]
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
    cookies = sorted(value.split("=")[0] for name, value in answer_headers if name == "Set-Cookie")
    answer_headers = {name.lower(): value for name, value in answer_headers}
    if cookies:
        # Their values are random.
        answer_headers["set-cookie"] = cookies
    return int(status[:3]), comparable(answer_headers), body


def comparable(headers):
    if "vary" in headers:
        headers["vary"] = {name.strip().lower() for name in headers["vary"].split(",")}
    # Random.
    if headers.get("retry-after"):
        headers["retry-after"] = "some"
    headers.pop("content-length", None)
    return headers


RANDOM = re.compile(
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\d{4}-\d\d-\d\dT[0-9:.]+Z?"
    r'|"code":"[A-Za-z0-9_-]{16,}"|"poll_after_seconds":\d+|room-?\d+|"concert_title":"[^"]*"'
)


def said(body):
    """The body without the values that differ between worlds."""
    return RANDOM.sub("-", body.decode())


POLLS = {
    "as ever": {},
    "in English": {"headers": {"Accept-Language": "en"}},
    "in French": {"headers": {"Accept-Language": "fr, en;q=0.5"}},
    "nonsense for a language": {"headers": {"Accept-Language": "\xff;;q=x," * 50}},
    "a cookie for the language": {"headers": {"Cookie": "django_language=en"}},
    "a session beside the token": {"headers": {"Cookie": f"sessionid={'a' * 32}"}},
    "a session of no shape beside it": {"headers": {"Cookie": "sessionid=abc"}},
    "an empty session beside it": {"headers": {"Cookie": "sessionid="}},
    "a CSRF token beside it": {"headers": {"Cookie": f"csrftoken={'a' * 32}"}},
    "a CSRF token of no shape beside it": {"headers": {"Cookie": "csrftoken=x"}},
    "a CSRF token of other letters": {"headers": {"Cookie": f"csrftoken={'-' * 32}"}},
    "nonsense for cookies": {"headers": {"Cookie": "=;;a;\xff=\x80;"}},
    "html": {"headers": {"Accept": "text/html"}},
    "problems": {"headers": {"Accept": "application/problem+json"}},
    "no JSON": {"headers": {"Accept": "*/*, application/json;q=0"}},
    "weights": {"headers": {"Accept": "text/html, application/json;q=0.1"}},
    "nonsense for a type": {"headers": {"Accept": ";;;"}},
    "a small scheme": {"scheme": "bearer"},
    "a loud scheme": {"scheme": "BEARER"},
    "two spaces": {"scheme": "Bearer "},
    "a tab": {"scheme": "Bearer\t"},
    "another scheme": {"scheme": "Basic"},
    "no token": {"headers": {"Authorization": "Bearer"}},
    "no credentials": {"headers": {"Authorization": None}},
    "a forged token": {"headers": {"Authorization": "Bearer x.y.z"}},
    "a token of letters": {"headers": {"Authorization": "Bearer \xe9"}},
    "HTTPS": {"environ": {"wsgi.url_scheme": "https"}},
    "HTTPS at the proxy": {"headers": {"X-Forwarded-Proto": "https"}},
    "another host": {"headers": {"Host": "evil.example"}},
    "a port": {"headers": {"Host": "testserver:8000"}},
    "a host in capitals": {"headers": {"Host": "TESTSERVER"}},
    "a host with a dot": {"headers": {"Host": "testserver."}},
    "two hosts": {"headers": {"Host": "testserver,evil.example"}},
    "no host": {"headers": {"Host": ""}},
    "a host of another's proxy": {"headers": {"X-Forwarded-Host": "evil.example"}},
    "an odd address": {"headers": {"X-Forwarded-For": "x" * 500 + ", \xff,"}},
    "a format": {"query": "?format=xml"},
    "a query": {"query": "?x=1&x=2"},
    "a body": {"body": b"{}", "type": "application/json"},
    "a long body": {"body": b"x" * 70_000},
    "a length without a body": {"environ": {"CONTENT_LENGTH": "99999999"}},
    "no length": {"environ": {"CONTENT_LENGTH": "many"}},
    "a negative length": {"environ": {"CONTENT_LENGTH": "-1"}},
    "a length of other digits": {"environ": {"CONTENT_LENGTH": "\xb2"}},
    "a body in chunks": {"environ": {"HTTP_TRANSFER_ENCODING": "chunked"}, "body": b"{}"},
    "HEAD": {"method": "HEAD"},
    "OPTIONS": {"method": "OPTIONS"},
    "PUT": {"method": "PUT"},
    "POST": {"method": "POST"},
    "TRACE": {"method": "TRACE"},
    "a method of small letters": {"method": "get"},
    "an unknown method": {"method": "QUERY"},
    "upper case": {"case": str.upper},
    "braces": {"case": "{{{}}}".format},
    "a URN": {"case": "urn:uuid:{}".format},
    "no hyphens": {"case": lambda uid: uid.replace("-", "")},
    "digits of another script": {"case": lambda uid: "\uff10" + uid[1:]},
    "a NUL": {"case": "{}%00".format},
    "a newline": {"end": "%0A"},
    "a newline before the slash": {"end": "%0A/"},
    "no slash": {"end": ""},
    "two slashes": {"end": "//"},
    "an escaped slash": {"end": "%2F"},
    "a suffix": {"end": ".json"},
    "no UTF-8": {"end": "%FF/"},
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


def nested_to(depth):
    lists = (depth - 1) // 2
    objects = depth - 1 - lists
    return (
        b'{"seats": [3], "a": '
        + b'{"b": ' * objects
        + b"[" * lists
        + b"]" * lists
        + b"}" * objects
        + b"}"
    )


HOLDS = {
    "as ever": {},
    "with a key": {"headers": {"Idempotency-Key": "a key"}},
    "with an empty key": {"headers": {"Idempotency-Key": ""}},
    "with too long a key": {"headers": {"Idempotency-Key": "k" * 256}},
    "a seat of another buyer": {"body": b'{"seats": [2]}'},
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
    "null": {"body": b"null"},
    "nested": {"body": b"[" * 60_000},
    "nested in a field": {"body": b'{"seats": [3], "a": ' + b"[" * 5_000 + b"]" * 5_000 + b"}"},
    "nested as deep as may be": {"body": nested_to(100)},
    "nested a level too deep": {"body": nested_to(101)},
    "many names, none deep": {
        "body": b'{"seats": [3], "a": [' + b", ".join([b'{"b": "[{"}'] * 200) + b"]}"
    },
    "a name twice inside": {"body": b'{"seats": [3], "a": {"b": 1, "b": 2}}'},
    "a name twice, once escaped": {"body": b'{"seats": [3], "\\u0073eats": [4]}'},
    "an escaped name": {"body": b'{"\\u0073eats": [3]}'},
    "a NUL": {"body": b'{"seats": [3], "\\u0000": "\\u0000"}'},
    "a raw NUL": {"body": b'{"seats": [3]}\0'},
    "NaN": {"body": b'{"seats": [3], "a": NaN}'},
    "beyond any float": {"body": b'{"seats": [3], "a": 1e999}'},
    "a long number": {"body": b'{"seats": [3], "a": ' + b"9" * 4_000 + b"}"},
    "too long a number": {"body": b'{"seats": [3], "a": ' + b"9" * 5_000 + b"}"},
    "a seat beyond every integer": {"body": b'{"seats": [%d]}' % 2**64},
    "a seat below zero": {"body": b'{"seats": [-3]}'},
    "a seat with an exponent": {"body": b'{"seats": [3e0]}'},
    "spaces around": {"body": b'\r\n\t {"seats": [3]} \n'},
    "a form feed before": {"body": b'\x0c{"seats": [3]}'},
    "two objects": {"body": b'{"seats": [3]}{"seats": [3]}'},
    "UTF-16": {"body": '{"seats": [3]}'.encode("utf-16")},
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
    "anything for a type": {"type": "*/*"},
    "any application": {"type": "application/*"},
    "two types": {"type": "application/json, text/plain"},
    "letters for a type": {"type": "application/json\xff"},
    "in chunks": {"environ": {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}},
    "in too many chunks": {
        "environ": {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""},
        "body": b'{"seats": [3]}' + b" " * 70_000,
    },
    "cut off by its length": {"environ": {"CONTENT_LENGTH": "8"}},
    "cut off by the client": {"environ": {"CONTENT_LENGTH": "40"}},
    "a negative length": {"environ": {"CONTENT_LENGTH": "-14"}},
    "a length with a sign": {"environ": {"CONTENT_LENGTH": "+14"}},
    "a length in words": {"environ": {"CONTENT_LENGTH": "many"}},
    "no length": {"environ": {"CONTENT_LENGTH": ""}},
    "a session of no shape": {"headers": {"Cookie": "sessionid=abc"}},
    "an endless type": {"type": "application/json;" + "x" * 12_000},
    "no token": {"headers": {"Queue-Token": None}},
    "a forged token": {"headers": {"Queue-Token": str(uuid.UUID(int=7))}},
    "no UUID": {"headers": {"Queue-Token": "x"}},
    "an empty token": {"headers": {"Queue-Token": ""}},
    "a token in capitals": {"headers": {"Queue-Token": lambda world: str(world.token).upper()}},
    "two tokens": {"headers": {"Queue-Token": lambda world: f"{world.token},{world.token}"}},
    "a token with a space": {"headers": {"Queue-Token": lambda world: f"{world.token} "}},
    "a token in braces": {"headers": {"Queue-Token": f"{{{uuid.UUID(int=7)}}}"}},
    "English": {"headers": {"Accept-Language": "en"}, "body": b'{"seats": [2]}'},
    "html": {"headers": {"Accept": "text/html"}},
    "no credentials": {"headers": {"Authorization": None}},
    "no such schedule": {"path": f"/api/v1/schedules/{uuid.UUID(int=7)}/reservations/"},
}
PAYMENTS = {
    "as ever": {},
    "with an empty key": {"headers": {"Idempotency-Key": ""}},
    "without a key": {"headers": {"Idempotency-Key": None}},
    "with too long a key": {"headers": {"Idempotency-Key": "k" * 256}},
    "with a key of letters": {"headers": {"Idempotency-Key": "\xe9"}},
    "with a key of spaces": {"headers": {"Idempotency-Key": "  "}},
    "in capitals": {"reservations": lambda world: [str(world.mine).upper()]},
    "the same twice": {"reservations": lambda world: [str(world.mine)] * 2},
    "the same in two cases": {
        "reservations": lambda world: [str(world.mine), str(world.mine).upper()]
    },
    "in braces": {"reservations": lambda world: [f"{{{world.mine}}}"]},
    "as a URN": {"reservations": lambda world: [f"urn:uuid:{world.mine}"]},
    "without hyphens": {"reservations": lambda world: [world.mine.hex]},
    "with a NUL": {"reservations": lambda world: [f"{world.mine}\0"]},
    "with a newline": {"reservations": lambda world: [f"{world.mine}\n"]},
    "another buyer's": {"reservations": lambda world: [str(world.theirs)]},
    "too many": {"reservations": lambda _world: [str(uuid.UUID(int=n)) for n in range(51)]},
    "an object": {"reservations": lambda world: {"0": str(world.mine)}},
    "nested in a field": {
        "body": lambda world: (
            b'{"reservations": ["%s"], "a": %s}'
            % (str(world.mine).encode(), b"[" * 900 + b"]" * 900)
        )
    },
    "a lone surrogate": {
        "body": lambda world: (
            b'{"reservations": ["%s"], "\\ud800": "\\udfff"}' % str(world.mine).encode()
        )
    },
    "in chunks": {"environ": {"HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}},
    "cut off by the client": {"environ": {"CONTENT_LENGTH": "500"}},
    "a session of no shape": {"headers": {"Cookie": "sessionid=abc"}},
    "a CSRF token of no shape": {"headers": {"Cookie": "csrftoken=x"}},
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
    "no credentials": {"headers": {"Authorization": None}},
    "in chunks": {"environ": {"HTTP_TRANSFER_ENCODING": "chunked"}, "body": b"{}"},
    "a negative length": {"environ": {"CONTENT_LENGTH": "-1"}},
    "GET": {"method": "GET"},
    "HEAD": {"method": "HEAD"},
    "OPTIONS": {"method": "OPTIONS"},
    "a method of small letters": {"method": "post"},
    "a session of no shape": {"headers": {"Cookie": "sessionid=abc"}},
    "no such room": {"path": "/api/v1/waiting-rooms/unknown/tokens/"},
    "a room with a NUL": {"path": "/api/v1/waiting-rooms/a%00/tokens/"},
    "a room of letters": {"path": "/api/v1/waiting-rooms/%ED%95%9C/tokens/"},
}


def request_of(kind):
    def make(world, odd):
        odd = told(odd, world)
        if "reservations" in odd:
            odd["body"] = json.dumps({"reservations": odd.pop("reservations")}).encode()
        return getattr(world, kind)(**odd)

    return make


def told(part, world):
    """The request with the world's values filled in."""
    if isinstance(part, dict):
        return {name: told(each, world) for name, each in part.items()}
    return part(world) if callable(part) else part


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
    world = World.new()
    status, headers, body = send(application, world, make(world, odd))
    fast = status, headers, said(body)
    if status < 400 and make is not poll_of:
        # Something was written.
        world = World.new()
    status, headers, body = send(FastPath(django_application, []), world, make(world, odd))
    assert fast == (status, headers, said(body))
    assert status < 500


def test_the_ordinary_is_answered_before_django():
    world = World.new()
    before = FastPath(fail, [*queueing.fast_path.ROUTES, *payments.fast_path.ROUTES])
    for asked in world.poll(), world.hold(), world.pay(), world.join():
        assert send(before, world, asked)[0] in (200, 201)


def fail(_environ, _start_response):
    pytest.fail("Django was asked")


@dataclass
class Browser:
    """A browser that waits in a room, with the cookies for it."""

    cookies: dict[str, str]
    token: uuid.UUID

    @classmethod
    def waiting(cls, client):
        user, room = UserFactory(), WaitingRoomFactory()
        client.force_login(user)
        client.post(f"/rooms/{room.slug}/", follow=True)
        index_build.build_missing()
        cookies = {name: morsel.value for name, morsel in client.cookies.items()}
        return cls(cookies, QueueToken.objects.get(user=user).pk)

    def poll(self, wsgi, cookies):
        asked = {
            "path": f"/api/v1/queue-tokens/{self.token}/",
            "headers": {"Cookie": cookies},
        }
        return answer_to(wsgi, asked)


def written(cookies, between="; "):
    return between.join(f"{name}={value}" for name, value in cookies.items())


def test_a_poll_of_a_browser_varies_by_its_cookie(client):
    browser = Browser.waiting(client)
    fast, django = (
        browser.poll(wsgi, written(browser.cookies))
        for wsgi in (application, FastPath(django_application, []))
    )
    assert fast[0] == django[0] == 200
    assert fast[1] == django[1]
    assert "cookie" in fast[1]["vary"]


COOKIES = {
    "without spaces": lambda mine: written(mine, ";"),
    "with more spaces": lambda mine: written(mine, "  ;  "),
    "with tabs": lambda mine: written(mine, "\t;\t"),
    "parted by spaces": lambda mine: written(mine, " "),
    "parted by commas": lambda mine: written(mine, ", "),
    "after another one and a space": lambda mine: "a=b " + written(mine),
    "after nonsense": lambda mine: "a b c; ;=; " + written(mine),
    "after an attribute": lambda mine: "Path=/; HttpOnly; " + written(mine),
    "after a quote": lambda mine: 'a="b; ' + written(mine),
    "in quotes": lambda mine: "; ".join(f'{name}="{value}"' for name, value in mine.items()),
    "twice": lambda mine: written(mine) + "; " + written(mine),
    "and another session": lambda mine: written(mine) + "; sessionid=" + "a" * 32,
    "after another session": lambda mine: f"sessionid={'a' * 32}; " + written(mine),
    "in capitals": lambda mine: written(mine).upper(),
    "the pass alone": lambda mine: f"line_credential={mine['line_credential']}",
    "the session alone": lambda mine: f"sessionid={mine['sessionid']}",
    "a pass of no shape": lambda mine: written(mine | {"line_credential": "x"}),
    "a session of no shape": lambda mine: written(mine | {"sessionid": "x"}),
    "a CSRF token of no shape": lambda mine: written(mine | {"csrftoken": "x"}),
    "letters": lambda mine: written(mine) + "; a=\xff",
    "a language": lambda mine: written(mine | {"django_language": "en"}),
}


@pytest.mark.parametrize("name", COOKIES)
def test_both_read_the_cookies_of_a_browser_alike(client, name):
    browser = Browser.waiting(client)
    cookies = COOKIES[name](browser.cookies)
    fast, django = (
        (status, headers, said(body))
        for status, headers, body in (
            browser.poll(wsgi, cookies) for wsgi in (application, FastPath(django_application, []))
        )
    )
    assert fast == django


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
