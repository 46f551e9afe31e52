"""Devices that have logged in before, recognized by a signed token.

A browser keeps the token in a cookie; an app may keep ``device`` of a log-in's or a sign-up's
answer and send it as ``Device-Token`` with its next log-in. A token contains the hashed accounts
that the device has logged in to. It gives no access; it only separates the owner's failed attempts
from a stranger's (accounts.log_in). It is stateless: with a new SECRET_KEY all devices are unknown.
"""

import datetime as dt
import secrets
from dataclasses import dataclass

from django.conf import settings
from django.core import signing
from django.http import HttpRequest, HttpResponse
from django.utils.crypto import salted_hmac

from accounts.email_addresses import fold_email

COOKIE = "device"
HEADER = "Device-Token"
SALT = "accounts.devices"
SECONDS = 365 * 24 * 3600
MOST_ACCOUNTS = 5
LONGEST_TOKEN = 1024
# While a browser has this cookie, its use was noted lately (services/devices.py).
USED = "used"
NOTED_EVERY = dt.timedelta(hours=1)


@dataclass(frozen=True)
class Device:
    id: str
    accounts: tuple[str, ...] = ()

    def token(self) -> str:
        return signing.dumps([self.id, *self.accounts], salt=SALT)

    def knows(self, email: str) -> bool:
        return account_key(email) in self.accounts


def account_key(email: str) -> str:
    """The key of an account's counters: the same for all spellings that find the same account."""
    return salted_hmac(SALT, fold_email(email), algorithm="sha256").hexdigest()[:32]


def read_device(request: HttpRequest) -> Device | None:
    """The device of this request, if its token is valid."""
    token = request.headers.get(HEADER) or request.COOKIES.get(COOKIE) or ""
    if not token or len(token) > LONGEST_TOKEN:
        return None
    try:
        id_, *accounts = signing.loads(token, salt=SALT, max_age=SECONDS)
    except signing.BadSignature:
        return None
    return Device(id_, tuple(accounts))


def device_logged_in(request: HttpRequest, email: str) -> Device:
    """The device of this request, or a new one, with this account added."""
    before = read_device(request) or Device(secrets.token_urlsafe(12))
    account = account_key(email)
    others = [each for each in before.accounts if each != account]
    return Device(before.id, (account, *others[: MOST_ACCOUNTS - 1]))


def set_cookie(response: HttpResponse, device: Device) -> None:
    response.set_cookie(
        COOKIE,
        device.token(),
        max_age=SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def set_used(response: HttpResponse) -> None:
    response.set_cookie(
        USED,
        "1",
        max_age=NOTED_EVERY,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
