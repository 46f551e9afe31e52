"""The mails of a mailbox, and the links in them."""

import re
from urllib.parse import urlsplit

from django.core import mail
from django.core.mail import EmailMessage

from accounts.services.outbox import send_due


def mails_to(email: str) -> list[EmailMessage]:
    """Send the mails that are due; all mails of this address."""
    send_due()
    return [each for each in mail.outbox if each.to == [email]]


def link_to(email: str) -> str:
    """The path of the secret link in the last mail with one."""
    secret = re.compile(r"^https?://[^/]+/accounts/(?:address|password)/\S+/\S+$", re.M)
    links = [secret.search(str(each.body)) for each in mails_to(email)]
    return urlsplit([link for link in links if link][-1][0]).path
