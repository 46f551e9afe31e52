"""The one spelling of an e-mail address under which an account is kept, found and mailed."""

import unicodedata

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext_lazy as _

LONGEST_EMAIL = 254
INVALID = _("Enter a valid email address.")


def fold_email(typed: str) -> str:
    """The address as we write it: NFKC, lower case, an international domain in Punycode.

    Full-width letters of a Korean keyboard become the letters that were meant. Never raises: what
    is no address stays something that no account has.
    """
    folded = unicodedata.normalize("NFKC", typed).strip().lower()
    local, at, domain = folded.rpartition("@")
    try:
        return local + at + domain.encode("idna").decode("ascii")
    except UnicodeError:  # no such domain
        return folded


def clean_email(typed: str) -> str:
    """The folded address. Raises ValidationError (``invalid``, ``max_length``).

    ASCII alone is left: Python's case-insensitive patterns take "ı" and "ſ" for i and s, so
    Django's own check lets addresses through that look like somebody else's. Quotes are refused:
    "name"@example.com is another spelling of name@example.com (RFC 5321, 4.1.2), and within quotes
    Django takes spaces and control characters.
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
