"""Access and refresh tokens of the mobile apps: signed, and valid only while their session exists.

A refresh token is used once (RFC 9700, 4.14.2). Using it again within REFRESH_GRACE_SECONDS gives
the same new pair, byte for byte, for an app that lost the answer or sent the request twice. Using
it later, or using an older one, ends the session, because the token was copied. The decision is
made under the session's row lock, from the database only.
"""

import uuid
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import jwt as pyjwt
from allauth.headless.internal.sessionkit import new_session
from allauth.headless.tokens.strategies.jwt import internal as jwt
from allauth.headless.tokens.strategies.jwt.strategy import JWTTokenStrategy
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.models import Session
from django.db import transaction
from django.utils.crypto import constant_time_compare

from accounts.clients import APP, CLIENT, Client
from accounts.errors import InvalidRefreshToken
from accounts.models import User, UserSession
from accounts.second_factor import GAVE_FACTOR
from accounts.sessions import SessionStore, prolong
from concertbook.db.clock import database_now

# A claim of the access token: a keyed hash of the password, so that a new password revokes it.
AUTH_CLAIM = "auth"
BACKEND = "accounts.auth_backend.EmailBackend"


class TokenStrategy(JWTTokenStrategy):  # type: ignore[misc]  # allauth has no types
    def get_claims(self, user: AbstractBaseUser) -> dict[str, Any]:
        return {AUTH_CLAIM: user.get_session_auth_hash()}


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str


def issue_tokens(
    user: User, client: Client | None = None, *, gave_factor: bool = False
) -> TokenPair:
    """Start a session for a user who has just been authenticated; the tokens bound to it.

    ``client`` is the app that logged in, ``gave_factor`` whether with a second factor.
    """
    session = new_session_of(user)
    if gave_factor:
        session[GAVE_FACTOR] = True
    session[CLIENT] = (client or Client(APP)).packed()
    refresh_id = uuid.uuid4()
    with transaction.atomic():
        session.save()
        UserSession.objects.filter(pk=session.session_key).update(refresh_id=refresh_id)
    sid = jwt.session_key_to_sid(session.session_key)
    return _token_pair(user, sid, refresh_id, database_now())


def new_session_of(user: User) -> Any:
    """A session of a user who has just been authenticated, not saved yet."""
    session = new_session()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    return session


def session_of(token: Any) -> Any:
    """The session of a valid access token, by its payload (the API's ``request.auth``)."""
    return jwt.get_token_session(token)


def refresh_tokens(refresh: str) -> TokenPair:
    """A new pair for a refresh token, which is then used; the same pair again within the grace
    period.

    Raises InvalidRefreshToken, and ends the session when the token was used before the grace.
    """
    payload = jwt.decode_token(refresh, "refresh")
    session_key = jwt.session_key_from_sid(payload["sid"]) if payload else None
    pair = _rotate(payload, session_key) if payload and session_key else None
    if pair is None:
        raise InvalidRefreshToken
    return pair


@transaction.atomic(durable=True)
def _rotate(payload: dict[str, Any], session_key: str) -> TokenPair | None:
    live = Session.objects.select_for_update(no_key=True).filter(pk=session_key).first()
    # Read after the lock, in a statement of its own: a concurrent refresh may have been first.
    mine = UserSession.objects.select_related("user").filter(pk=session_key).first()
    now = database_now()
    if live is None or mine is None or live.expire_date <= now:
        return None
    if not _is_logged_in(mine.user, live, payload["sub"]):
        return None
    asked = uuid.UUID(payload["jti"])
    if asked == mine.refresh_id:
        mine.refresh_id, mine.refreshed_id, mine.refreshed_at = uuid.uuid4(), asked, now
        mine.last_used_at = now
        mine.save(update_fields=["refresh_id", "refreshed_id", "refreshed_at", "last_used_at"])
        live.expire_date = now + timedelta(seconds=settings.SESSION_COOKIE_AGE)
        live.save(update_fields=["expire_date"])
        prolong(session_key)
    elif not _is_in_grace(mine, asked, now):
        SessionStore().delete(session_key)
        return None
    assert mine.refresh_id is not None
    assert mine.refreshed_at is not None
    return _token_pair(mine.user, payload["sid"], mine.refresh_id, mine.refreshed_at)


def _is_logged_in(user: User, live: Session, sub: str) -> bool:
    opened_with = live.get_decoded().get(HASH_SESSION_KEY, "")
    is_current = constant_time_compare(opened_with, user.get_session_auth_hash())
    return is_current and user.is_active and str(user.pk) == sub


def _is_in_grace(mine: UserSession, asked: uuid.UUID, now: datetime) -> bool:
    if asked != mine.refreshed_id or mine.refreshed_at is None:
        return False
    return now - mine.refreshed_at < timedelta(seconds=settings.REFRESH_GRACE_SECONDS)


def _token_pair(user: User, sid: str, refresh_id: uuid.UUID, at: datetime) -> TokenPair:
    """The pair for a refresh token's id: the same arguments give the same bytes."""
    issued = int(at.timestamp())
    claims = {"iat": issued, "sid": sid, "sub": str(user.pk)}
    access = {
        **TokenStrategy().get_claims(user),
        **claims,
        "token_use": "access",
        "jti": str(uuid.uuid5(refresh_id, "access")),
        "exp": issued + settings.HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN,
    }
    refresh = {
        **claims,
        "token_use": "refresh",
        "jti": str(refresh_id),
        "exp": issued + settings.HEADLESS_JWT_REFRESH_TOKEN_EXPIRES_IN,
    }
    return TokenPair(_sign(access), _sign(refresh))


def _sign(payload: dict[str, Any]) -> str:
    return pyjwt.encode(payload, settings.SECRET_KEY, algorithm=settings.HEADLESS_JWT_ALGORITHM)


def session_key_of(payload: Any) -> str | None:
    """The session of an access token that was verified, by what it contains."""
    key: str | None = jwt.session_key_from_sid(payload["sid"])
    return key


def revoke_tokens(access: str) -> None:
    """End the session of an access token: this token and its refresh tokens become invalid."""
    payload = jwt.decode_token(access, "access")
    session = jwt.get_token_session(payload) if payload else None
    if session is not None:
        session.flush()
