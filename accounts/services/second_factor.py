"""The second factor of a member of the staff: time-based codes of an app (RFC 6238), and recovery
codes for the day when the phone is lost.

Own code of a few lines: allauth.mfa needs allauth's limiter, which is switched off here, and its
own pages around the log-in; and it remembers a used code in the cache only, for less time than the
code is valid once a tolerance is set. A secret is encrypted with a key made of SECRET_KEY; recovery
codes are stored as hashes. Each code is accepted once. Passkeys are in passkeys.py.
"""

import base64
import hashlib
import hmac
import secrets
import struct
import time
from collections.abc import Iterator
from urllib.parse import quote

from cryptography.fernet import Fernet
from django.conf import settings
from django.db import transaction
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.errors import SecondFactorExists, WrongCode
from accounts.models import SecondFactor, User
from accounts.rate_limits import SECOND_FACTORS
from accounts.services import activity
from accounts.services.passkeys import passkeys_of
from accounts.sessions import end_sessions
from concertbook.http.rate_limit import take

PERIOD = 30
DIGITS = 6
# Phones' clocks differ: the codes of the period before and after are accepted, too.
TOLERANCE = 1
RECOVERY_CODES = 10
SALT = "accounts.second_factor"


def new_secret() -> str:
    """A secret for an app, in base 32."""
    return base64.b32encode(secrets.token_bytes(20)).decode()


def has_second_factor(*, user: User) -> bool:
    return SecondFactor.objects.filter(user=user).exists()


def set_up(*, user: User, secret: str, code: str) -> list[str]:
    """Keep the secret, of which ``code`` proves that the app has it; returns the recovery codes,
    which are not readable afterwards. Raises TooManyRequests, WrongCode, SecondFactorExists."""
    take(SECOND_FACTORS.of(user.pk))
    step = _step_of(secret, code, after=0)
    if step is None:
        raise WrongCode
    codes = [f"{secrets.token_hex(3)}-{secrets.token_hex(3)}" for _ in range(RECOVERY_CODES)]
    with transaction.atomic():
        _factor, is_new = SecondFactor.objects.get_or_create(
            user=user,
            defaults={
                "secret": _fernet().encrypt(secret.encode()),
                "last_step": step,
                "recovery_codes": [_hash(user, each) for each in codes],
            },
        )
        if not is_new:
            raise SecondFactorExists
        activity.record(actor=user, act="second_factor.set_up", target=user)
    return codes


def check_code(*, user: User, code: str) -> None:
    """Accept a code of the app, or a recovery code, once. Raises TooManyRequests, WrongCode."""
    take(SECOND_FACTORS.of(user.pk))
    with transaction.atomic():
        locked = SecondFactor.objects.select_for_update(no_key=True)
        factor = locked.filter(user=user).first()
        if factor is None:
            raise WrongCode
        secret = _fernet().decrypt(bytes(factor.secret)).decode()
        step = _step_of(secret, code, after=factor.last_step)
        if step is not None:
            factor.last_step = step
        else:
            _use_recovery_code(factor, code)
        factor.save(update_fields=["last_step", "recovery_codes"])


def reset(*, user: User, actor: User, reason: str = "") -> bool:
    """Forget the second factor of a user whose phone is lost, and their passkeys, and log them out:
    they set up another one at the next log-in. False where there is none."""
    with transaction.atomic():
        deleted, _rows = SecondFactor.objects.filter(user=user).delete()
        deleted += passkeys_of(user).delete()[0]
        if deleted:
            end_sessions(user_ids=[user.pk])
            activity.record(actor=actor, act="second_factor.reset", target=user, reason=reason)
    return bool(deleted)


def address_for_apps(*, user: User, secret: str, issuer: str) -> str:
    """What the QR code of the set-up says."""
    whose = f"{quote(issuer)}:{quote(user.email or '')}"
    return f"otpauth://totp/{whose}?secret={secret}&issuer={quote(issuer)}"


def code_at(secret: str, step: int) -> str:
    """The code of a period, counted from 1970 (RFC 4226)."""
    digest = hmac.new(base64.b32decode(secret), struct.pack(">Q", step), hashlib.sha1).digest()
    offset = digest[-1] & 0xF
    (value,) = struct.unpack(">I", digest[offset : offset + 4])
    return f"{(value & 0x7FFFFFFF) % 10**DIGITS:0{DIGITS}}"


def _step_of(secret: str, code: str, *, after: int) -> int | None:
    """The period of the code, later than that of the last accepted code; None for a wrong one."""
    typed = "".join(code.split())
    for step in _steps():
        if step > after and constant_time_compare(typed, code_at(secret, step)):
            return step
    return None


def _steps() -> Iterator[int]:
    now = int(time.time()) // PERIOD
    return iter(range(now - TOLERANCE, now + TOLERANCE + 1))


def _use_recovery_code(factor: SecondFactor, code: str) -> None:
    hashed = _hash(factor.user, code.strip().lower())
    left = [each for each in factor.recovery_codes if not constant_time_compare(each, hashed)]
    if len(left) == len(factor.recovery_codes):
        raise WrongCode
    factor.recovery_codes = left


def _hash(user: User, code: str) -> str:
    return salted_hmac(SALT, f"{user.pk}:{code}", algorithm="sha256").hexdigest()


def _fernet() -> Fernet:
    key = hashlib.sha256(f"{SALT}:{settings.SECRET_KEY}".encode()).digest()
    return Fernet(base64.urlsafe_b64encode(key))
