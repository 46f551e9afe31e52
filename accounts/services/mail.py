"""Outgoing mail: five texts, and the messages of other apps. None contains text that a user chose.

1. A service queues a mail in the transaction of its event (queue_mail, queue_messages).
2. A sweep leases the mails that are due, sends each and deletes it (send_due_mail). If the process
   dies in between, the next sweep sends it: a mail is sent at least once.
"""

import datetime as dt
import logging
from collections.abc import Iterable
from dataclasses import dataclass

from django.core.mail import EmailMessage
from django.db.models import Case, F, Q, When
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import translation
from django.utils.translation import gettext_lazy as _

from accounts.email_links import Kind, make_link
from accounts.models import OutgoingMail, User
from accounts.rate_limits import MAILS_OF_A_KIND
from concertbook.db.clock import database_now
from concertbook.errors import TooManyRequests
from concertbook.http.rate_limit import take

logger = logging.getLogger(__name__)

RETRY_AFTER = dt.timedelta(minutes=1)
KEPT = dt.timedelta(hours=24)
# A round ends after this time, so that a slow mail server does not delay the worker's other tasks.
MOST_IN_A_ROUND = 100
MOST_FAILURES = 3

SUBJECTS = {
    Kind.VERIFY: _("Confirm your e-mail address"),
    Kind.CHANGE: _("Confirm your new e-mail address"),
    Kind.CHANGED: _("The e-mail address of your account has changed"),
    Kind.CLAIM: _("Is this your e-mail address?"),
    Kind.RESET: _("Choose a new password"),
}
PAGES = {
    Kind.VERIFY: "account_prove_email",
    Kind.CHANGE: "account_prove_email",
    Kind.CLAIM: "account_claim_email",
    Kind.RESET: "account_reset_password_from_key",
}


def queue_mail(*, kind: Kind, email: str, origin: str, user: User | None = None) -> bool:
    """Queue a mail in the active language. ``origin`` is the scheme and host of its link.

    Returns False, and queues nothing, for a mailbox that got MAILS_OF_A_KIND within the hour. A
    notice that an address has changed is always sent.
    """
    if kind != Kind.CHANGED:
        try:
            take(MAILS_OF_A_KIND.of(kind.value, email))
        except TooManyRequests:
            return False
    OutgoingMail.objects.create(
        kind=kind,
        email=email,
        user=user,
        language=translation.get_language() or "",
        origin=origin,
    )
    return True


@dataclass(frozen=True)
class Message:
    email: str
    subject: str
    body: str


def queue_messages(messages: Iterable[Message]) -> None:
    """Queue mails that other apps have written, in the transaction of their event."""
    OutgoingMail.objects.bulk_create(
        OutgoingMail(
            kind=Kind.MESSAGE,
            email=message.email,
            # A line break in a title would be refused when the mail is sent.
            subject=" ".join(message.subject.split()),
            body=message.body,
        )
        for message in messages
    )


def send_due_mail() -> int:
    """Send the mails that are due, oldest first, and messages last; returns how many were sent."""
    sent = failures = 0
    for mail in _due():
        if not _lease(mail):
            continue
        try:
            compose(mail).send()
        except OSError as exc:  # smtplib's errors are OSErrors
            logger.warning("Mail %s is not sent: %r", mail.pk, exc)
            failures += 1
            if failures == MOST_FAILURES:
                break
        else:
            mail.delete()
            sent += 1
    return sent


def _due() -> list[OutgoingMail]:
    now = database_now()
    # A link's state is read when it is sent, so the mail is dropped when the address has changed
    # since the request.
    outdated = Q(kind=Kind.CHANGE, user__email_changed_at__gt=F("created_at"))
    OutgoingMail.objects.filter(Q(created_at__lt=now - KEPT) | outdated).delete()
    due = OutgoingMail.objects.filter(due_at__lte=now).select_related("user")
    # Before an opening thousands of reminders are due: who asks for a new password does not wait.
    messages_last = Case(When(kind=Kind.MESSAGE, then=1), default=0)
    return list(due.order_by(messages_last, "due_at", "pk")[:MOST_IN_A_ROUND])


def _lease(mail: OutgoingMail) -> bool:
    """Lease the mail to this process; False when another one has it."""
    same = OutgoingMail.objects.filter(pk=mail.pk, due_at=mail.due_at)
    return same.update(due_at=database_now() + RETRY_AFTER) == 1


def compose(mail: OutgoingMail) -> EmailMessage:
    """The mail's text, in its language, to the address that it was queued for."""
    kind = Kind(mail.kind)
    if kind == Kind.MESSAGE:
        return EmailMessage(mail.subject, mail.body, to=[mail.email])
    with translation.override(mail.language or None):
        context = {"link": _link(mail), "origin": mail.origin}
        body = render_to_string(f"mail/{kind.value.lower()}.txt", context)
        return EmailMessage(str(SUBJECTS[kind]), body, to=[mail.email])


def _link(mail: OutgoingMail) -> str:
    kind = Kind(mail.kind)
    if kind not in PAGES:
        return ""
    key = make_link(kind=kind, email=mail.email, user=mail.user)
    return mail.origin + reverse(PAGES[kind], args=[key])
