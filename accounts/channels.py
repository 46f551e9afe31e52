"""The ways a message takes: mail by Django's mail backend; push messages.

A sweep keeps one connection for all its mails (Senders).
"""

import contextlib
import smtplib
from types import TracebackType
from typing import Protocol, Self

from anymail.exceptions import AnymailError, AnymailRecipientsRefused
from django.core.mail import get_connection

from accounts.letter import Letter
from accounts.mail_form import build_mail
from accounts.models import OutgoingMessage
from accounts.push import PushSender
from accounts.undeliverable import NotNow, Undeliverable

# The server ends the connection (RFC 5321, 3.8).
SHUTTING_DOWN = 421
# A provider's answers that are about a mail. Others are about the account, its keys and limits, or
# the provider.
OF_ONE_MAIL = {400, 413, 422}


class Sender(Protocol):
    def send(self, message: OutgoingMessage, letter: Letter) -> None:
        """Raises Undeliverable, NotNow; any other exception means that the server is away."""

    def close(self) -> None: ...


class MailSender:
    def __init__(self) -> None:
        self.connection = get_connection()
        self.connection.open()

    def send(self, message: OutgoingMessage, letter: Letter) -> None:
        mail = build_mail(message, letter)
        try:
            accepted = self.connection.send_messages([mail])
        except (smtplib.SMTPException, AnymailError) as refused:
            if _is_for_good(refused):
                raise Undeliverable(refused) from refused
            if _is_of_one_mail(refused):
                raise NotNow(refused) from refused
            raise
        if not accepted:
            raise ConnectionError("The mail backend sent nothing.")

    def close(self) -> None:
        # The mails of a connection that breaks at its end have been accepted.
        with contextlib.suppress(Exception):
            self.connection.close()


def _is_for_good(refused: Exception) -> bool:
    if isinstance(refused, smtplib.SMTPRecipientsRefused):
        return all(500 <= code < 600 for code, _text in refused.recipients.values())
    return isinstance(refused, AnymailRecipientsRefused)


def _is_of_one_mail(refused: Exception) -> bool:
    if isinstance(refused, smtplib.SMTPDataError):
        return refused.smtp_code != SHUTTING_DOWN
    if isinstance(refused, AnymailError):
        return refused.status_code in OF_ONE_MAIL
    return isinstance(refused, smtplib.SMTPRecipientsRefused)


SENDERS: dict[str, type[Sender]] = {
    OutgoingMessage.Channel.MAIL: MailSender,
    OutgoingMessage.Channel.PUSH: PushSender,
}


class Senders:
    """One open sender for each channel, made when it is needed, closed at the end."""

    def __init__(self) -> None:
        self.open: dict[str, Sender] = {}

    def send(self, message: OutgoingMessage, letter: Letter) -> None:
        """Raises Undeliverable, NotNow, and what the channel's library raises."""
        if message.channel not in self.open:
            self.open[message.channel] = SENDERS[message.channel]()
        self.open[message.channel].send(message, letter)

    def reset(self, message: OutgoingMessage) -> None:
        """Close the sender after an error: its connection may be in any state."""
        if sender := self.open.pop(message.channel, None):
            sender.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for sender in self.open.values():
            sender.close()
