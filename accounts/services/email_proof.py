"""Confirm addresses by links. An account that proved an address has priority over one that did not.

    verify   the account that has the address follows the link: it is confirmed
    change   the account follows the link to its new address (accounts/services/email_change.py)
    claim    the owner of a mailbox creates an account for an address that another account uses
    reset    the owner of a mailbox chooses a new password (accounts/services/password_reset.py)

An account that used the address without proof keeps its money, tickets, sessions and tokens, loses
the address, and its pages ask for another. Of two concurrent claims the unique index allows one.
"""

from collections.abc import Mapping

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import Q

from accounts.email_links import Link
from accounts.errors import EmailTaken, LinkUsed
from accounts.models import User
from accounts.services.documents import record_consents
from accounts.services.mail import queue_notice
from accounts.services.sign_up import clean_name
from accounts.services.withheld_letters import send_withheld
from accounts.sessions import end_sessions
from concertbook.db.clock import database_now
from concertbook.http.languages import active_language


def prove_email(*, link: Link, origin: str, session_key: str | None = None) -> User:
    """Give the link's account the address that it proves (a verify or change link's).

    The caller has authenticated the account's user by session or password. The first address that
    is confirmed gets the letters that were withheld. When the address changes, the old one is
    notified, and all sessions except ``session_key`` end. Raises EmailTaken, LinkUsed.
    """
    assert link.user is not None
    user, old, was_proven = link.user, link.user.email, link.user.email_verified
    try:
        with transaction.atomic():
            _lock_by_key(user, link.email)
            displace(link.email, keep=user)
            _give_address(user, link.email)
            if not was_proven:
                send_withheld(user)
            if old is not None and old != link.email:
                tell_old_address(user, old, origin=origin)
            if old != link.email:
                queue_notice(kind="changed_to", email=link.email, user=user, origin=origin)
                end_sessions(user_ids=[user.pk], except_session=session_key)
    except IntegrityError as proven_by_another:
        raise EmailTaken from proven_by_another
    return user


def _lock_by_key(user: User, email: str) -> None:
    """Lock the account and the one that has the address in key order: two accounts that prove each
    other's address would deadlock."""
    both = User.objects.filter(Q(pk=user.pk) | Q(pk__in=User.objects.with_email(email)))
    list(both.order_by("pk").select_for_update(no_key=True).values_list("pk"))


def claim_email(*, link: Link, password: str, name: str, agreed: Mapping[str, int]) -> User:
    """A new account for the owner of the mailbox, who agrees to these versions of the documents.

    Raises ValidationError with a dictionary of the fields' errors, EmailTaken.
    """
    user = User(email=link.email, name=_clean_new(link.email, password, name))
    user.set_password(password)
    return create_proven(user, agreed)


def _clean_new(email: str, password: str, name: str) -> str:
    errors: dict[str, ValidationError] = {}
    try:
        name = clean_name(name)
    except ValidationError as invalid:
        errors["name"] = invalid
    try:
        validate_password(password, User(email=email, name=name))
    except ValidationError as invalid:
        errors["password"] = invalid
    if errors:
        raise ValidationError(errors)
    return name


def create_proven(user: User, agreed: Mapping[str, int]) -> User:
    """Save a new account whose address a link has just proven, in the active language. Raises
    EmailTaken."""
    assert user.email is not None
    try:
        with transaction.atomic():
            displace(user.email, keep=user)
            user.email_verified_at = database_now()
            user.language = active_language()
            user.save()
            record_consents(user, agreed)
    except IntegrityError as proven_by_another:
        raise EmailTaken from proven_by_another
    return user


def displace(email: str, *, keep: User) -> None:
    """Take the address from another account that has it without proof."""
    unproven = User.objects.with_email(email).filter(email_verified_at=None)
    now = database_now()
    unproven.exclude(pk=keep.pk).update(email=None, email_changed_at=now, updated_at=now)


def tell_old_address(user: User, old: str, *, origin: str) -> None:
    """Queue the notice to the old mailbox, in the transaction of the change."""
    queue_notice(kind="changed", email=old, user=user, origin=origin)


def _give_address(user: User, email: str) -> None:
    """Raises LinkUsed when the account's address has changed since the link was read."""
    now = database_now()
    changed_at = user.email_changed_at if email == user.email else now
    same = User.objects.filter(pk=user.pk, email_changed_at=user.email_changed_at, is_active=True)
    if not same.update(
        email=email, email_changed_at=changed_at, email_verified_at=now, updated_at=now
    ):
        raise LinkUsed
    user.email, user.email_changed_at, user.email_verified_at = email, changed_at, now
