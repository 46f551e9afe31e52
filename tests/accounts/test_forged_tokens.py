"""Forged tokens fall through the fast path, and Django refuses them with 401."""

import base64
import json
import time
import uuid

import jwt
import pytest
from allauth.headless.tokens.strategies.jwt.internal import session_key_to_sid
from django.conf import settings

from accounts.app_tokens import issue_tokens
from queueing.models import QueueToken
from queueing.services import index_build, join_and_leave
from tests.factories import ScheduleFactory, UserFactory
from tests.fast_path import FellThrough, ask

pytestmark = pytest.mark.django_db(transaction=True)

WRONG_KEY = "another key that is long enough to sign with"


def claims_of(token):
    return jwt.decode(token, settings.SECRET_KEY, algorithms=["HS256"])


def signed(claims, key=None, **options):
    return jwt.encode(claims, key or settings.SECRET_KEY, algorithm="HS256", **options)


def encoded(part):
    return base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()


def a_wrong_key(good, other):
    return signed(claims_of(good.access), WRONG_KEY)


def a_refresh_token(good, other):
    return good.refresh


def alg_none(good, other):
    return jwt.encode(claims_of(good.access), None, algorithm="none")


def alg_none_with_the_old_signature(good, other):
    _header, payload, signature = good.access.split(".")
    return f"{encoded({'alg': 'none', 'typ': 'JWT'})}.{payload}.{signature}"


def another_algorithm(good, other):
    return jwt.encode(claims_of(good.access), settings.SECRET_KEY, algorithm="HS512")


def expired(good, other):
    return signed(claims_of(good.access) | {"exp": int(time.time()) - 1})


def claims_of_another_under_the_old_signature(good, other):
    header, _payload, signature = good.access.split(".")
    return f"{header}.{other.access.split('.')[1]}.{signature}"


def another_users_session(good, other):
    return signed(claims_of(good.access) | {"sid": claims_of(other.access)["sid"]})


def a_session_that_never_was(good, other):
    return signed(claims_of(good.access) | {"sid": session_key_to_sid("x" * 32)})


def a_sid_that_is_none(good, other):
    return signed(claims_of(good.access) | {"sid": "!"})


def no_signature(good, other):
    return good.access.rpartition(".")[0] + "."


FORGED = [
    a_wrong_key,
    a_refresh_token,
    alg_none,
    alg_none_with_the_old_signature,
    another_algorithm,
    expired,
    claims_of_another_under_the_old_signature,
    another_users_session,
    a_session_that_never_was,
    a_sid_that_is_none,
    no_signature,
]


@pytest.fixture
def schedule():
    schedule = ScheduleFactory()
    index_build.build_missing()
    return schedule


def calls(schedule, token):
    room = schedule.concert.waiting_room
    return [
        ("GET", f"/api/v1/queue-tokens/{token}/", None, {}),
        ("POST", f"/api/v1/waiting-rooms/{room.slug}/tokens/", None, {}),
        (
            "POST",
            f"/api/v1/schedules/{schedule.pk}/reservations/",
            {"seats": [1]},
            {"Queue-Token": str(token)},
        ),
        (
            "POST",
            "/api/v1/payments/",
            {"reservations": [str(uuid.uuid4())]},
            {"Idempotency-Key": "k"},
        ),
    ]


@pytest.mark.parametrize("forge", FORGED, ids=lambda each: each.__name__)
def test_an_invalid_token_falls_through_everywhere(schedule, app, forge):
    me, other = UserFactory(), UserFactory()
    token = forge(issue_tokens(me), issue_tokens(other))
    join_and_leave.join(user=me, slug=schedule.concert.waiting_room.slug)
    place = QueueToken.objects.get(user=me)
    index_build.build_missing()
    phone = app()
    phone.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")

    for method, path, body, headers in calls(schedule, place.pk):
        content = b"" if body is None else json.dumps(body).encode()
        with pytest.raises(FellThrough):
            ask(
                path,
                method=method,
                content=content,
                content_type="application/json",
                Authorization=f"Bearer {token}",
                **headers,
            )
        answer = phone.generic(
            method, path, content, content_type="application/json", headers=headers
        )
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
        assert answer["WWW-Authenticate"].startswith("Bearer")
    assert QueueToken.objects.count() == 1
