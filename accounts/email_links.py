"""Links that only the reader of a mailbox has: signed, for one purpose, invalid after use.

Nothing is stored. A link contains the account's state when it was made, and is refused when that
has changed: an address confirmed, a password chosen, an address changed.
"""

import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core import signing
from django.db.models import TextChoices
from django.utils.crypto import constant_time_compare, salted_hmac

from accounts.models import User

SALT = "accounts.email_links"


class Kind(TextChoices):
    """The purpose of a link; in lower case the kind of its message."""

    VERIFY = "VERIFY"
    CHANGE = "CHANGE"
    CLAIM = "CLAIM"
    RESET = "RESET"


@dataclass(frozen=True)
class Link:
    """``email`` is the mailbox that the link proves. ``user`` is the account that it is for, None
    for a claim, which creates one."""

    kind: Kind
    email: str
    user: User | None


def make_link(*, kind: Kind, email: str, user: User | None) -> str:
    """A key for a URL's path, valid for EMAIL_LINK_SECONDS."""
    payload = [kind.value, email, str(user.pk) if user else "", _state(kind, user)]
    return signing.dumps(payload, salt=SALT)


def read_link(key: str, *kinds: Kind) -> Link | None:
    """The link of the key; None when it is forged, too old, used, or of another kind."""
    try:
        kind, email, user_id, state = signing.loads(
            key, salt=SALT, max_age=settings.EMAIL_LINK_SECONDS
        )
    except (signing.BadSignature, ValueError):
        return None
    user = User.objects.filter(pk=uuid.UUID(user_id)).first() if user_id else None
    link = Link(Kind(kind), email, user)
    current = link.kind in kinds and _is_current(link)
    return link if current and constant_time_compare(state, _state(link.kind, user)) else None


def _is_current(link: Link) -> bool:
    if link.kind == Kind.CLAIM:
        return not User.objects.with_email(link.email).exclude(email_verified_at=None).exists()
    if link.user is None or not link.user.is_active:
        return False
    if link.kind == Kind.CHANGE:
        return (
            True  # the state contains the address that it replaces, and the time of its last change
        )
    return link.user.email == link.email and not (
        link.kind == Kind.VERIFY and link.user.email_verified
    )


def _state(kind: Kind, user: User | None) -> str:
    """The values that must not have changed since the link was made."""
    if user is None or kind == Kind.VERIFY:
        return ""
    facts: list[Any] = [user.pk, user.password, user.email, user.email_changed_at]
    if kind == Kind.RESET:
        facts += [user.email_verified_at, user.last_login]
    return salted_hmac(SALT, repr([str(fact) for fact in facts]), algorithm="sha256").hexdigest()
