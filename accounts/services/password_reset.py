"""A new password by a link to the account's mailbox.

The link goes to the address as the account has it, not as it was typed, and proves it. An account
whose address was never confirmed may have been opened by another person: the reader of the mailbox
gets its money and tickets only if they state that the account is theirs. Otherwise they get a new
account with the address, and the other account keeps everything except the address.
"""

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import PROTECT

from accounts.email_links import Kind, Link
from accounts.errors import LinkUsed
from accounts.models import User
from accounts.services.documents import agreed_versions
from accounts.services.email_proof import create_proven
from accounts.services.mail import queue_link
from accounts.services.password_change import tell_new_password
from accounts.services.withheld_letters import send_withheld
from accounts.sessions import end_sessions
from concertbook.db.clock import database_now


def request_password_reset(*, email: str, origin: str) -> None:
    """Mail a link if there is such an account. ``origin`` is the scheme and host of the link.

    Returns the same in both cases, and mails nothing to an address without an account.
    """
    user = User.objects.with_email(email).filter(is_active=True).first()
    if user is not None and user.email is not None:
        queue_link(kind=Kind.RESET, email=user.email, user=user, origin=origin)


def must_ask_whose(user: User) -> bool:
    """Whether another person may have opened this account and has something to lose in it."""
    return not user.email_verified and has_past(user)


def has_past(user: User) -> bool:
    """Whether rows that must not be deleted belong to the account: money, tickets, places in
    line."""
    return any(
        relation.related_model._base_manager.filter(**{relation.field.name: user}).exists()
        for relation in User._meta.related_objects
        if relation.on_delete is PROTECT
    )


def reset_password(*, link: Link, password: str, keep_account: bool) -> User:
    """Set the password that the reader of the mailbox chose, and confirm the address.

    If must_ask_whose and not ``keep_account``, a new account gets the address and the password and
    is returned; the form says that its user agrees to the documents in force. All sessions of the
    account that got the password end. Raises ValidationError with a dictionary of the fields'
    errors, LinkUsed, EmailTaken.
    """
    assert link.user is not None
    user = link.user
    if must_ask_whose(user) and not keep_account:
        user = User(email=link.email)
    try:
        validate_password(password, user)
    except ValidationError as weak:
        raise ValidationError({"password": weak}) from weak
    if user is not link.user:
        user.set_password(password)
        return create_proven(user, agreed_versions())
    _set_password(user, password)
    return user


def _set_password(user: User, password: str) -> None:
    old, was_proven = user.password, user.email_verified
    user.set_password(password)
    now = database_now()
    with transaction.atomic():
        # Only while the state is that of the link: used twice at the same time, it sets one
        # password.
        same = User.objects.filter(pk=user.pk, password=old, email=user.email, is_active=True)
        if not same.update(password=user.password, email_verified_at=now, updated_at=now):
            raise LinkUsed
        user.email_verified_at = now
        if not was_proven:
            send_withheld(user)
        end_sessions(user_ids=[user.pk])
        tell_new_password(user)
