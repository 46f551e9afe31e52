"""Users by the hundred thousand: written straight into the tables, with credentials to show.

A user is a number, from which the id follows, in SQL and here alike. The accounts of a sale
(operations/load/fixtures.py) are made by the services, with money: that takes a thousand times as
long for each.
"""

import uuid
from collections.abc import Iterator, Sequence
from hashlib import md5

from allauth.headless.tokens.strategies.jwt import internal as jwt
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.cached_db import KEY_PREFIX
from django.core.cache import caches
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import get_random_string

from accounts.app_tokens import AUTH_CLAIM, BACKEND
from accounts.credentials import COOKIE, give_credential
from accounts.models import User
from accounts.sessions import SessionStore
from queueing.models import WaitingRoom

# No statement writes more rows than this: none may take longer than the server allows.
BATCH = 50_000
PASSWORD = "!unusable"


def user_id(number: int) -> uuid.UUID:
    return uuid.UUID(md5(f"buyer {number}".encode(), usedforsecurity=False).hexdigest())


def email(number: int) -> str:
    return f"buyer{number}@benchmark.invalid"


def enroll(numbers: range, *, password: str = PASSWORD) -> None:
    """Make these users; ``password`` is the hash of them all."""
    for start in range(0, len(numbers), BATCH):
        batch = numbers[start : start + BATCH]
        _execute(
            """
            INSERT INTO accounts_user (id, email, name, password, is_superuser, is_active, is_staff,
                                       created_at, updated_at)
            SELECT md5('buyer ' || n)::uuid, 'buyer' || n || '@benchmark.invalid', 'Benchmark',
                   %(password)s, false, true, false, now(), now()
            FROM generate_series(%(first)s::int, %(last)s::int) n
            """,
            {"password": password, "first": batch[0], "last": batch[-1]},
        )


def line_up(room: WaitingRoom, numbers: Sequence[int]) -> list[tuple[uuid.UUID, uuid.UUID, int]]:
    """Let these users wait in the room, in this order, behind those who wait already.

    Returns user, token and position of each who did not wait there yet. A token is as new_token
    makes it, with the random bits of a random UUID.
    """
    joined = []
    for start in range(0, len(numbers), BATCH):
        joined += _insert(room, [user_id(number) for number in numbers[start : start + BATCH]])
    return joined


def _insert(room: WaitingRoom, users: list[uuid.UUID]) -> list[tuple[uuid.UUID, uuid.UUID, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO queueing_queuetoken
                (token, user_id, room_id, position, status, issued_at, last_request_at)
            SELECT (lpad(to_hex(%(room)s::int), 8, '0')
                    || overlay(substr(gen_random_uuid()::text, 9) PLACING '8' FROM 7))::uuid,
                   buyer, %(room)s, nextval(%(sequence)s::regclass), 'WAITING',
                   clock_timestamp(), clock_timestamp()
            FROM unnest(%(users)s::uuid[]) buyer
            ON CONFLICT (user_id, room_id) WHERE is_live DO NOTHING
            RETURNING user_id, token, position
            """,
            {"room": room.pk, "sequence": f"queueing_position_{room.pk}", "users": users},
        )
        return list(cursor.fetchall())


def analyze() -> None:
    """After so much has been written, let the planner know."""
    _execute("VACUUM ANALYZE accounts_user")
    _execute("VACUUM ANALYZE queueing_queuetoken")


def access_tokens(numbers: Sequence[int]) -> list[str]:
    """An access token of a mobile app for each, with a session of its own."""
    return [
        jwt.create_access_token(User(pk=user_id(number)), SessionStore(key), {AUTH_CLAIM: "0" * 64})
        for number, key in _log_in(numbers)
    ]


def cookies(numbers: Sequence[int]) -> list[str]:
    """The cookies of a logged-in browser that has been given its credential, for each."""
    return [
        f"{settings.SESSION_COOKIE_NAME}={key}; {COOKIE}={_credential(number, key)}"
        for number, key in _log_in(numbers)
    ]


def _credential(number: int, session_key: str) -> str:
    request, response = HttpRequest(), HttpResponse()
    request.user = User(pk=user_id(number))
    request.session = SessionStore(session_key)
    give_credential(request, response)
    return response.cookies[COOKIE].value


def _log_in(numbers: Sequence[int]) -> Iterator[tuple[int, str]]:
    """A session for each, where sessions are looked for first: in the cache."""
    cache = caches[settings.SESSION_CACHE_ALIAS]
    auth_hash = User(password=PASSWORD).get_session_auth_hash()
    for number in numbers:
        key = get_random_string(32).lower()
        session = {
            SESSION_KEY: str(user_id(number)),
            BACKEND_SESSION_KEY: BACKEND,
            HASH_SESSION_KEY: auth_hash,
        }
        cache.set(KEY_PREFIX + key, session, settings.SESSION_COOKIE_AGE)
        yield number, key


def _execute(sql: str, arguments: dict[str, str | int] | None = None) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, arguments)
