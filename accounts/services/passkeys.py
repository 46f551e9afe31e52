"""Passkeys of the staff (WebAuthn): a key that a phone, a computer or a security key keeps, instead
of a code of the app (services/second_factor.py).

1. begin_adding gives the options for the browser, and a state that the caller keeps in the session;
   add checks the browser's answer.
2. In the same way begin_asking and check ask for a passkey.

``host`` is that of the site, without a port. The library checks origin, challenge and signature;
the caller uses each state once.
"""

import json
import struct
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import transaction
from django.db.models import QuerySet
from fido2.server import Fido2Server
from fido2.webauthn import (
    AttestedCredentialData,
    PublicKeyCredentialRpEntity,
    PublicKeyCredentialUserEntity,
    UserVerificationRequirement,
)

from accounts.errors import WrongCode
from accounts.models import Passkey, User
from accounts.rate_limits import SECOND_FACTORS
from accounts.services import activity
from concertbook.db.clock import database_now
from concertbook.http.rate_limit import take

MOST = 10
# The device asks its owner for a finger, a face or a PIN, not only for a touch.
VERIFIED = UserVerificationRequirement.REQUIRED

Options = dict[str, Any]
State = dict[str, Any]
Checked = TypeVar("Checked")


def passkeys_of(user: User) -> QuerySet[Passkey]:
    return Passkey.objects.filter(user=user).order_by("pk")


def begin_adding(*, user: User, host: str) -> tuple[Options, State]:
    who = PublicKeyCredentialUserEntity(
        id=user.pk.bytes, name=user.email or str(user.pk), display_name=str(user)
    )
    options, state = _server(host).register_begin(who, _keys(user), user_verification=VERIFIED)
    return dict(options)["publicKey"], state


def add(*, user: User, host: str, state: State, answer: str, name: str) -> None:
    """Keep the passkey that the browser has made. Raises TooManyRequests; WrongCode for any other
    answer, and for one passkey too many."""
    take(SECOND_FACTORS.of(user.pk))
    made = _checked(lambda: _server(host).register_complete(state, json.loads(answer)))
    if made.credential_data is None or passkeys_of(user).count() >= MOST:
        raise WrongCode
    with transaction.atomic():
        Passkey.objects.create(user=user, name=name, credential=bytes(made.credential_data))
        activity.record(actor=user, act="passkey.add", target=user, new={"passkey": name})


def begin_asking(*, user: User, host: str) -> tuple[Options, State] | None:
    """None where the user has no passkey."""
    keys = _keys(user)
    if not keys:
        return None
    options, state = _server(host).authenticate_begin(keys, user_verification=VERIFIED)
    return dict(options)["publicKey"], state


def check(*, user: User, host: str, state: State, answer: str) -> None:
    """Accept the answer of one of the user's passkeys. Raises TooManyRequests, WrongCode."""
    take(SECOND_FACTORS.of(user.pk))
    server, keys = _server(host), _keys(user)
    used = _checked(lambda: server.authenticate_complete(state, keys, json.loads(answer)))
    passkeys_of(user).filter(credential=bytes(used)).update(used_at=database_now())


def remove(*, user: User, passkey_id: int) -> None:
    """Forget one of the user's own passkeys; it opens nothing any more. Sent again, it does
    nothing."""
    with transaction.atomic():
        passkey = passkeys_of(user).filter(pk=passkey_id).first()
        if passkey is not None:
            passkey.delete()
            old = {"passkey": passkey.name}
            activity.record(actor=user, act="passkey.remove", target=user, old=old)


def _server(host: str) -> Fido2Server:
    return Fido2Server(PublicKeyCredentialRpEntity(id=host, name="concertbook"))


def _keys(user: User) -> Sequence[AttestedCredentialData]:
    return [AttestedCredentialData(bytes(each.credential)) for each in passkeys_of(user)]


def _checked(check: Callable[[], Checked]) -> Checked:
    """What the library returns. Raises WrongCode for whatever is wrong with the answer."""
    try:
        return check()
    except (ValueError, TypeError, KeyError, AttributeError, AssertionError, struct.error) as wrong:
        raise WrongCode from wrong
