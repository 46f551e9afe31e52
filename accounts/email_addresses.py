"""The canonical spelling of an e-mail address, used to store, find and mail an account."""

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

LONGEST_EMAIL = 254
INVALID = _("Enter a valid email address.")


def fold_email(typed: str) -> str:
    """The canonical spelling: NFKC, lower case, an international domain in Punycode.

    Full-width letters of a Korean keyboard become ASCII letters. Never raises: an invalid address
    gives a text that no account has.
    """
    folded = unicodedata.normalize("NFKC", typed).strip().lower()
    local, at, domain = folded.rpartition("@")
    try:
        return local + at + domain.encode("idna").decode("ascii")
    except UnicodeError:  # no such domain
        return folded


def clean_email(typed: str) -> str:
    """The folded address. Raises ValidationError (``invalid``, ``max_length``).

    Only ASCII is allowed: Python's case-insensitive patterns match "ı" and "ſ" as i and s, so
    Django's own check accepts addresses that look like another user's. Quotes are refused:
    "name"@example.com is another spelling of name@example.com (RFC 5321, 4.1.2), and within quotes
    Django accepts spaces and control characters.
    """
    email = fold_email(typed)
    if len(email) > LONGEST_EMAIL:
        raise ValidationError(
            _("Ensure this value has at most %(limit_value)d characters."),
            code="max_length",
            params={"limit_value": LONGEST_EMAIL},
        )
    if not email.isascii() or '"' in email:
        raise ValidationError(INVALID, code="invalid")
    validate_email(email)
    return email
