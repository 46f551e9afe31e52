"""A letter as a mail: HTML and text, with the headers that mail programs and mailboxes ask for."""

from email.mime.image import MIMEImage
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse

from accounts.letter import Letter, letter_kinds
from accounts.models import OutgoingMessage
from accounts.notice_links import make_notice_link
from accounts.services.business import find_business
from concertbook.http.languages import public_page_in

OLDEST_BUSINESS = 30.0


def build_mail(message: OutgoingMessage, letter: Letter) -> EmailMultiAlternatives:
    """The mail, in the active language. Every attempt has the same Message-ID."""
    text, html = render_letter(message, letter)
    mail = EmailMultiAlternatives(
        # A line break in a title would be refused.
        " ".join(letter.subject.split()),
        text.strip() + "\n",
        to=[message.recipient],
        headers=_headers(message),
    )
    mail.attach_alternative(html, "text/html")
    for picture in letter.pictures:
        part = MIMEImage(picture.png, "png")
        part.add_header("Content-ID", f"<{picture.name}>")
        part.add_header("Content-Disposition", "inline", filename=picture.name)
        mail.attach(part)
    for attachment in letter.attachments:
        mail.attach(attachment.name, attachment.content, attachment.type)
    return mail


def render_letter(message: OutgoingMessage, letter: Letter) -> tuple[str, str]:
    """Text and HTML, in the active language."""
    context = {
        "letter": letter,
        "site": origin_of(message),
        "switch_off": switch_off_address(message),
        "business": find_business(oldest=OLDEST_BUSINESS),
    }
    return tuple(  # type: ignore[return-value]
        render_to_string(f"mail/letter.{form}", context) for form in ("txt", "html")
    )


def _headers(message: OutgoingMessage) -> dict[str, str]:
    headers = {
        "Message-ID": f"<{message.message_id}@{urlsplit(settings.SITE_URL).hostname}>",
        # No automatic answer, of a person on holiday for example, comes back (RFC 3834).
        "Auto-Submitted": "auto-generated",
    }
    if off := switch_off_address(message):
        headers["List-Unsubscribe"] = f"<{off}>"
        # The mailbox may send the POST by itself (RFC 8058).
        headers["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    return headers


def switch_off_address(message: OutgoingMessage) -> str:
    """The address that switches off notices like this one; empty for those that are owed."""
    choice = letter_kinds()[message.kind].choice
    if choice is None or message.user_id is None:
        return ""
    key = make_notice_link(user_id=message.user_id, choice=choice)
    return site_page(message, "account_switch_off_notice", key)


def origin_of(message: OutgoingMessage) -> str:
    """Scheme and host of the message's links."""
    return message.origin or settings.SITE_URL


def site_page(message: OutgoingMessage, name: str, *args: Any) -> str:
    """The URL of a page for a letter's action."""
    return origin_of(message) + reverse(name, args=args)


def site_public_page(message: OutgoingMessage, language: str, name: str, *args: Any) -> str:
    """The URL of a public page that names the language."""
    return origin_of(message) + public_page_in(language, name, *args)
