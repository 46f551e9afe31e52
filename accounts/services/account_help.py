"""What staff do to a user's access. They never set a password or an address: its user does, by a
link to the mailbox."""

from django.db import transaction

from accounts.models import User
from accounts.services import activity
from accounts.services.password_reset import request_password_reset
from accounts.sessions import end_sessions
from concertbook.errors import NotFound


def log_out_everywhere(*, actor: User, user: User, reason: str) -> None:
    """End all sessions of the user, of browsers and apps, and log it."""
    with transaction.atomic():
        end_sessions(user_ids=[user.pk])
        activity.record(actor=actor, act="user.end_sessions", target=user, reason=reason)


def set_active(*, actor: User, user: User, active: bool, reason: str) -> None:
    """Let the user log in, or not any more; then all sessions end. Logged if it is a change."""
    with transaction.atomic():
        changed = User.objects.filter(pk=user.pk, is_active=not active, deleted_at=None)
        if changed.update(is_active=active):
            act = "user.activate" if active else "user.deactivate"
            activity.record(actor=actor, act=act, target=user, reason=reason)


def send_reset_link(*, actor: User, user: User, origin: str, reason: str) -> None:
    """Mail the user a link for a new password, and log it. ``origin`` is its scheme and host.

    Nothing is mailed to a mailbox that got too many within the hour. Raises NotFound for an
    account without an address, or one that is not active.
    """
    if not user.email or not user.is_active:
        raise NotFound
    with transaction.atomic():
        request_password_reset(email=user.email, origin=origin)
        activity.record(actor=actor, act="user.send_reset_link", target=user, reason=reason)
