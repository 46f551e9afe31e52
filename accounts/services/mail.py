"""Mails with a link that a request asks for: confirm an address, choose a password.

Strangers can request most of them, so each mailbox gets a few of a kind within an hour.
"""

from django.utils import translation

from accounts.email_links import Kind
from accounts.models import OutgoingMessage, User
from accounts.rate_limits import MAILS_OF_A_KIND
from accounts.services.outbox import new_message, queue
from concertbook.errors import TooManyRequests
from concertbook.http.rate_limit import take


def queue_link(*, kind: Kind, email: str, origin: str, user: User | None = None) -> bool:
    """Queue the mail in the active language. ``origin`` is the scheme and host of its link.

    Returns False, and queues nothing, for a mailbox that got MAILS_OF_A_KIND within the hour.
    """
    try:
        take(MAILS_OF_A_KIND.of(kind.value, email))
    except TooManyRequests:
        return False
    queue([_message(kind.value.lower(), email, origin, user)])
    return True


def queue_notice(*, kind: str, email: str, origin: str, user: User) -> None:
    """Queue a notice of a change, in the active language; it is always sent."""
    queue([_message(kind, email, origin, user)])


def _message(kind: str, email: str, origin: str, user: User | None) -> OutgoingMessage:
    return new_message(
        kind=kind,
        email=email,
        user=user,
        language=translation.get_language() or "",
        origin=origin,
    )
