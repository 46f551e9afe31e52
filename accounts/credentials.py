"""Credentials of the fast path: the user and the session, verified by a signature.

No session is loaded (concertbook.http.fast_path). The caller checks that the session still exists:
in Redis for a place in line; for money by load_user, which checks the database and the password.
"""

import functools
import hmac
import json
import time
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

# Imported here, as allauth's own import at first use fails when two threads do it concurrently.
import cryptography.hazmat.primitives.ciphers  # noqa: F401
from allauth.headless.tokens.strategies.jwt import internal as jwt
from django.conf import settings
from django.contrib.sessions.backends.cached_db import KEY_PREFIX
from django.core.cache import caches
from django.db import DEFAULT_DB_ALIAS
from django.http import HttpRequest, HttpResponse, parse_cookie
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.app_tokens import AUTH_CLAIM
from accounts.models import User
from concertbook.db.rows import Recordset
from concertbook.db.statements import fetch_all
from concertbook.http.fast_path import FallThrough

COOKIE = "line_credential"
# Below it are the addresses that the pages' scripts ask: the place in line, and the seats.
PATH = "/api/v1/"
# The first part of every access token that we issue.
JWT_HEADER = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9"


@dataclass(frozen=True)
class Credential:
    """``session_in_cache`` is the session's key in Redis; ``expires_at`` is in seconds since 1970.
    ``auth`` is the session auth hash of the password at log-in, empty in a cookie.
    """

    user_id: uuid.UUID
    session_key: str
    expires_at: float
    auth: str = ""

    @functools.cached_property
    def session_in_cache(self) -> str:
        """As the session's store writes it."""
        cache = caches[settings.SESSION_CACHE_ALIAS]
        return str(cache.make_key(KEY_PREFIX + self.session_key))


def read_authorization(environ: Mapping[str, Any]) -> Credential:
    """The credential in the Authorization header. Raises FallThrough without a valid access
    token."""
    scheme, _space, token = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
    visitor = read_access_token(token) if scheme.lower() == "bearer" else None
    if visitor is None:
        raise FallThrough
    return visitor


def read_credential(environ: Mapping[str, Any]) -> Credential:
    """The credential in the Authorization header, else in the cookies. For requests that change
    nothing: a form must show that it comes from a page of ours. Raises FallThrough without one."""
    if "HTTP_AUTHORIZATION" in environ:
        return read_authorization(environ)
    visitor = read_cookies(parse_cookie(environ.get("HTTP_COOKIE", "")))
    if visitor is None:
        raise FallThrough
    return visitor


def load_user(visitor: Credential) -> User:
    """The user, with little more than the id and address, while the session lasts. One statement.

    Raises FallThrough when the session is over, the user not active or the password another.
    """
    (user,) = load_users([visitor])
    if user is None:
        raise FallThrough
    return user


ASKED = Recordset("asked", who="uuid", session="text")


def load_users(visitors: Sequence[Credential]) -> list[User | None]:
    """load_user for each of these, None where it would raise. One statement."""
    rows = fetch_all(
        f"""
        SELECT asked.n, logged_in.password, logged_in.id, logged_in.email
        FROM {ASKED}
        JOIN accounts_user AS logged_in ON logged_in.id = asked.who AND logged_in.is_active
        JOIN accounts_usersession AS mine
            ON mine.session_id = asked.session AND mine.user_id = asked.who
        JOIN django_session AS live ON live.session_key = asked.session
        WHERE live.expire_date > clock_timestamp() AND {ASKED.by_key}
        """,
        ASKED.params((each.user_id, each.session_key) for each in visitors),
    )
    found: list[User | None] = [None] * len(visitors)
    for at, *columns in rows:
        # In the order of the model's fields, as from_db needs.
        user = User.from_db(DEFAULT_DB_ALIAS, ["password", "id", "email"], columns)
        if constant_time_compare(user.get_session_auth_hash(), visitors[at - 1].auth):
            found[at - 1] = user
    return found


def read_access_token(token: str) -> Credential | None:
    """The credential in a mobile app's access token, if the signature is valid and it has not
    expired."""
    try:
        found = _decode(token)
    except Forged:
        return None
    return found if found.expires_at > time.time() else None


class Forged(Exception):
    """Not signed by us. Raised, not returned: lru_cache must not keep forged tokens."""


# The same buyers poll repeatedly, and a valid signature remains valid.
@functools.lru_cache(maxsize=20_000)
def _decode(token: str) -> Credential:
    """Raises Forged.

    Reads tokens as allauth writes them, because PyJWT takes ten times as long and the cache does
    not hold a million people's tokens. The header is compared with ours and not interpreted; every
    other token falls through to Django.
    """
    signed, _dot, signature = token.rpartition(".")
    header, _dot, payload = signed.partition(".")
    if header != JWT_HEADER or not constant_time_compare(signature, _sign_jwt(signed)):
        raise Forged
    claims = json.loads(urlsafe_b64decode(payload + "=="))
    session_key = claims["token_use"] == "access" and jwt.session_key_from_sid(claims["sid"])
    if not session_key:
        raise Forged
    auth = claims.get(AUTH_CLAIM, "")
    return Credential(uuid.UUID(claims["sub"]), session_key, float(claims["exp"]), auth)


def _sign_jwt(signed: str) -> str:
    """HS256, RFC 7518 section 3.2."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), signed.encode(), "sha256")
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def read_cookies(cookies: dict[str, str]) -> Credential | None:
    """The credential in a browser's cookie, if we signed it for the session cookie of the
    request."""
    session_key = cookies.get(settings.SESSION_COOKIE_NAME, "")
    try:
        return _verify(cookies.get(COOKIE, ""), session_key)
    except Forged:
        return None


@functools.lru_cache(maxsize=20_000)
def _verify(line_credential: str, session_key: str) -> Credential:
    user, _dot, signature = line_credential.partition(".")
    if not session_key or not constant_time_compare(signature, _sign(user, session_key)):
        raise Forged
    return Credential(uuid.UUID(user), session_key, float("inf"))


def give_credential(request: HttpRequest, response: HttpResponse) -> None:
    """Give a logged-in browser its credential for the API."""
    user, session_key = uuid.UUID(str(request.user.pk)).hex, request.session.session_key or ""
    response.set_cookie(
        COOKIE,
        f"{user}.{_sign(user, session_key)}",
        max_age=settings.SESSION_COOKIE_AGE,
        path=PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _sign(user: str, session_key: str) -> str:
    return salted_hmac(
        "accounts.credentials", f"{user}:{session_key}", algorithm="sha256"
    ).hexdigest()
