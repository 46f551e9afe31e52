"""Access and refresh tokens of the mobile apps: signed, and worth only as much as their session."""

from dataclasses import dataclass
from typing import Any

from allauth.headless.internal.sessionkit import new_session
from allauth.headless.tokens.strategies.jwt import internal as jwt
from allauth.headless.tokens.strategies.jwt.strategy import JWTTokenStrategy
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.base_user import AbstractBaseUser
from django.contrib.sessions.backends.base import UpdateError

from accounts.errors import InvalidRefreshToken
from accounts.models import User

# An access token's claim: it is worth nothing once the password is another. Keyed with our secret.
AUTH_CLAIM = "auth"
BACKEND = "allauth.account.auth_backends.AuthenticationBackend"


class TokenStrategy(JWTTokenStrategy):  # type: ignore[misc]  # allauth has no types
    def get_claims(self, user: AbstractBaseUser) -> dict[str, Any]:
        return {AUTH_CLAIM: user.get_session_auth_hash()}


@dataclass(frozen=True)
class TokenPair:
    access: str
    refresh: str


def issue_tokens(user: User) -> TokenPair:
    """A new session for the user, who has just been authenticated, and the tokens bound to it."""
    session = new_session()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = BACKEND
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    pair = TokenPair(
        access=jwt.create_access_token(user, session, TokenStrategy().get_claims(user)),
        refresh=jwt.create_refresh_token(user, session),
    )
    session.save()
    return pair


def refresh_tokens(refresh: str) -> TokenPair:
    """A new pair for a refresh token, which is used up. Raises InvalidRefreshToken."""
    try:
        pair = TokenStrategy().refresh_token(refresh)
    except UpdateError as logged_out_meanwhile:
        raise InvalidRefreshToken from logged_out_meanwhile
    if pair is None:
        raise InvalidRefreshToken
    return TokenPair(*pair)


def revoke_tokens(access: str) -> None:
    """End the session behind an access token: it and every refresh token of it are worthless."""
    payload = jwt.decode_token(access, "access")
    session = jwt.get_token_session(payload) if payload else None
    if session is not None:
        session.flush()
