"""A client's error writes at most one line to the log, and no traceback."""

import io
import logging
import uuid
from io import BytesIO

import pytest
from django.test import RequestFactory

from accounts.app_tokens import issue_tokens
from concertbook.wsgi import application
from tests.factories import ScheduleFactory, UserFactory, admitted

pytestmark = pytest.mark.django_db(transaction=True)


class BreaksOff(BytesIO):
    def read(self, *_args):
        raise OSError("the client went away")

    readline = read


HOLD = f"/api/v1/schedules/{uuid.UUID(int=7)}/reservations/"
JSON = "application/json"
REQUESTS = {
    "a wrong host": {"headers": {"Host": "evil.example"}},
    "a wrong host for a page": {"path": "/", "headers": {"Host": "evil.example"}},
    "no host": {"headers": {"Host": "a b"}},
    "a host of several lines": {"headers": {"Host": "evil\r\nERROR forged"}},
    "an unknown schedule": {"path": HOLD, "body": b'{"seats": [1]}'},
    "an unknown address": {"path": "/nowhere/"},
    "an address of several lines": {"path": "/nowhere/\nERROR forged"},
    "no JSON": {"path": HOLD, "body": b"{"},
    "no UTF-8": {"path": HOLD, "body": b"\xff"},
    "deep nesting": {"path": HOLD, "body": b"[" * 60_000},
    "NUL": {"path": "/api/v1/payments/", "body": b'{"reservations": ["\\u0000"]}'},
    "a long body": {"path": HOLD, "body": b" " * 70_000},
    "a long form": {"path": "/accounts/login/", "body": b"x=" + b"1" * 70_000, "type": "form"},
    "many fields": {"path": "/accounts/login/", "body": b"a=1&" * 3000, "type": "form"},
    "a body that breaks off": {"path": HOLD, "body": b'{"seats": [1]}', "broken": True},
    "chunks that break off": {
        "path": HOLD,
        "body": b"{}",
        "broken": True,
        "headers": {"Transfer-Encoding": "chunked"},
    },
    "a form that breaks off": {
        "path": "/accounts/login/",
        "body": b"x=1",
        "type": "form",
        "broken": True,
    },
    "a form without a token": {"path": "/accounts/login/", "body": b"x=1", "type": "form"},
    "a made-up session": {"path": "/", "headers": {"Cookie": "sessionid=" + "x" * 5000}},
    "a forged access token": {"headers": {"Authorization": "Bearer x.y.z"}},
    "a forged cursor": {"path": "/api/v1/concerts/?cursor=%FF%00"},
    "an endless type": {"path": HOLD, "body": b"{}", "type": "application/json;" + "x" * 12_000},
}


@pytest.fixture
def log():
    """The output of the configured handler and its filters."""
    (console,) = [
        each
        for each in logging.getLogger().handlers
        if type(each) is logging.StreamHandler and each.filters
    ]
    text = io.StringIO()
    before = console.setStream(text)
    yield text
    console.setStream(before)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_bad_request_writes_one_line_at_most(log, name):
    user, schedule = UserFactory(), ScheduleFactory()
    asked = {"path": "/api/v1/me/", "body": b"", "type": JSON, "headers": {}} | REQUESTS[name]
    if asked["type"] == "form":
        asked["type"] = "application/x-www-form-urlencoded"
    headers = {
        "Host": "testserver",
        "Authorization": f"Bearer {issue_tokens(user).access}",
        "Queue-Token": str(admitted(user, schedule).pk),
        "Idempotency-Key": "k",
    } | asked["headers"]
    method = "POST" if asked["body"] else "GET"
    environ = (
        RequestFactory(headers=headers)
        .generic(method, asked["path"], asked["body"], content_type=asked["type"])
        .environ
    )
    environ["wsgi.input"] = (BreaksOff if asked.get("broken") else BytesIO)(asked["body"])
    started = []
    b"".join(application(environ, lambda *head: started.append(head)))

    assert 200 <= int(started[0][0][:3]) < 500
    written = log.getvalue()
    assert "Traceback" not in written
    assert written.count("\n") <= 1, written
