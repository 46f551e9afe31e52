"""The mailbox of the demo: mails are written to files instead of being sent.

EMAIL_BACKEND names this module's backend in the demo alone, and settings refuse it with HTTPS: the
pages show every mail, with its secret links, without a log-in (accounts/inbox_views.py).
"""

import base64
import datetime as dt
import re
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage as OutgoingEmail
from django.core.mail.backends.base import BaseEmailBackend

from accounts.letter import Attachment

MOST_LISTED = 200
PICTURE = re.compile(r'"cid:([^"]+)"')


class EmailBackend(BaseEmailBackend):
    """Writes each mail to EMAIL_FILE_PATH, under its Message-ID: a duplicate replaces the first."""

    def send_messages(self, email_messages: Sequence[OutgoingEmail]) -> int:
        folder = _folder()
        folder.mkdir(parents=True, exist_ok=True)
        for mail in email_messages:
            mime = mail.message()
            name = mime["Message-ID"].strip("<>").partition("@")[0]
            aside = folder / f"{name}.new"
            aside.write_bytes(mime.as_bytes())
            aside.rename(folder / f"{name}.eml")
        return len(email_messages)


@dataclass(frozen=True)
class ReceivedMail:
    id: uuid.UUID
    mime: EmailMessage

    @property
    def sent_at(self) -> dt.datetime:
        # Django writes the zone as -0000, which Python reads as none.
        return parsedate_to_datetime(self.mime["Date"]).replace(tzinfo=dt.UTC)

    @property
    def text(self) -> str:
        return self._body("plain")

    @property
    def html(self) -> str:
        """With its pictures as data: URLs."""
        pictures = {
            part["Content-ID"].strip("<>"): part
            for part in self.mime.walk()
            if part["Content-ID"] and part.get_content_maintype() == "image"
        }

        def inlined(match: re.Match[str]) -> str:
            part = pictures.get(match[1])
            if part is None:
                return match[0]
            data = base64.b64encode(part.get_content()).decode()
            return f'"data:{part.get_content_type()};base64,{data}"'

        return PICTURE.sub(inlined, self._body("html"))

    def _body(self, kind: str) -> str:
        part = self.mime.get_body((kind,))
        return str(part.get_content()) if part else ""

    @property
    def attachments(self) -> list[Attachment]:
        return [
            Attachment(
                str(part.get_filename("file")),
                part.get_content_type(),
                part.get_payload(decode=True),  # type: ignore[arg-type]
            )
            for part in self.mime.iter_attachments()
            if not part["Content-ID"]
        ]


def list_mails() -> list[ReceivedMail]:
    """The newest mails, newest first."""
    files = sorted(_folder().glob("*.eml"), key=lambda path: path.stat().st_mtime, reverse=True)
    return list(_read(files[:MOST_LISTED]))


def find_mail(mail_id: uuid.UUID) -> ReceivedMail | None:
    return next(_read([_folder() / f"{mail_id}.eml"]), None)


def _read(files: Iterable[Path]) -> Any:
    for file in files:
        if file.exists():
            mime = message_from_bytes(file.read_bytes(), policy=default)
            yield ReceivedMail(uuid.UUID(file.stem), mime)


def _folder() -> Path:
    return Path(settings.EMAIL_FILE_PATH)
