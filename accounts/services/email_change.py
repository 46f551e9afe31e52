"""A new address for an account: requested by its user, who must prove it, or set by an operator.

The page, the API and the admin call these. In both cases the old address is notified, and the
account's other sessions and tokens end (in email_proof, when the user follows the link).
"""

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from accounts.email_addresses import clean_email
from accounts.email_links import Kind
from accounts.errors import EmailTaken, WrongPassword
from accounts.models import User
from accounts.rate_limits import EMAIL_CHANGES
from accounts.services.email_proof import tell_old_address
from accounts.services.mail import queue_link
from accounts.sessions import end_sessions
from concertbook.db.clock import database_now
from concertbook.http.rate_limit import take


def request_email_change(*, user: User, email: str, password: str, origin: str) -> str:
    """Mail a link to the new address; nothing changes before it is followed. Returns the address.

    The account's own unconfirmed address may be given too: its link is sent again. ``origin`` is
    the scheme and host of the link. Raises ValidationError with a dictionary of the fields' errors,
    TooManyRequests, WrongPassword, and EmailTaken when another account has proven it.
    """
    take(EMAIL_CHANGES.of(user.pk))
    try:
        email = clean_email(email)
    except ValidationError as invalid:
        raise ValidationError({"email": invalid}) from invalid
    if not user.check_password(password):
        raise WrongPassword
    if email == user.email and not user.email_verified:
        request_proof(user=user, origin=origin)
    elif User.objects.with_email(email).exclude(email_verified_at=None).exists():
        raise EmailTaken
    else:
        queue_link(kind=Kind.CHANGE, email=email, user=user, origin=origin)
    return email


def request_proof(*, user: User, origin: str) -> None:
    """Mail the link that confirms the account's own address, unless it is confirmed."""
    if user.email is not None and not user.email_verified:
        queue_link(kind=Kind.VERIFY, email=user.email, user=user, origin=origin)


def set_email(*, user: User, email: str, origin: str, session_key: str | None = None) -> None:
    """Set another address for an operator, immediately and unconfirmed; a link is sent to it.

    The old address is notified, and all sessions except ``session_key`` end. Raises ValidationError
    and EmailTaken, also when the other account has not confirmed the address.
    """
    old, email = user.email, clean_email(email)
    if email == old:
        return
    user.email, user.email_changed_at, user.email_verified_at = email, database_now(), None
    try:
        with transaction.atomic():
            user.save(
                update_fields=["email", "email_changed_at", "email_verified_at", "updated_at"]
            )
            queue_link(kind=Kind.VERIFY, email=email, user=user, origin=origin)
            if old is not None:
                tell_old_address(user, old, origin=origin)
            end_sessions(user_ids=[user.pk], except_session=session_key)
    except IntegrityError as taken:
        raise EmailTaken from taken
