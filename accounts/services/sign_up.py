"""Sign-up: one service for the page and the API."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils.translation import gettext_lazy as _

from accounts.email_addresses import clean_email
from accounts.email_links import Kind
from accounts.errors import EmailTaken
from accounts.models import User
from accounts.services.documents import record_consents
from accounts.services.mail import queue_link
from concertbook.http.languages import active_language
from concertbook.visible import has_visible

LONGEST_NAME = 100
# Characters that change the direction of writing: a name must not rearrange the text around it.
DIRECTION_MARKS = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# An approximation of clean_name that every dialect of regular expressions supports: spaces around,
# no control characters inside, and at least one character that is no space.
_SPACES, _CONTROLS = r"\s\x1c-\x1f\x85", r"\x00-\x1f\x7f-\x9f"
NAME_PATTERN = f"^[{_SPACES}]*[^{_CONTROLS}]*[^{_CONTROLS}\\s][^{_CONTROLS}]*[{_SPACES}]*$"


def sign_up(
    *, email: str, password: str, name: str, origin: str, agreed: Mapping[str, int]
) -> User:
    """Create an account, which may buy immediately, and mail a link that confirms its address.

    Its language is the active one. ``origin`` is the scheme and host of the link, ``agreed`` the
    versions of the documents that the user agrees to (documents.agreed_versions). Raises
    ValidationError with a dictionary of the fields' errors, and EmailTaken. When the account that
    has the address never confirmed it, a mail to the address tells its owner how to get it.
    """
    errors: dict[str, Any] = {}
    fields = {"email": email, "name": name}
    for field, clean in (("email", clean_email), ("name", clean_name)):
        try:
            fields[field] = clean(fields[field])
        except ValidationError as invalid:
            errors[field] = invalid
    user = User(**fields)
    try:
        validate_password(password, user)
    except ValidationError as invalid:
        errors["password"] = invalid
    if errors:
        raise ValidationError(errors)
    holder = User.objects.with_email(fields["email"]).first()
    if holder is not None:
        offer_address(holder, origin=origin)
        raise EmailTaken
    user.set_password(password)
    return _create(user, origin, agreed)


def clean_name(typed: str) -> str:
    """The name without white space around it. Raises ValidationError (``required``,
    ``max_length``, ``invalid``)."""
    name = typed.strip()
    if not has_visible(name):
        raise ValidationError(_("This field is required."), code="required")
    if len(name) > LONGEST_NAME:
        raise ValidationError(
            _("Ensure this value has at most %(limit_value)d characters."),
            code="max_length",
            params={"limit_value": LONGEST_NAME},
        )
    if any(
        unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") or letter in DIRECTION_MARKS
        for letter in name
    ):
        raise ValidationError(_("A name cannot have control characters."), code="invalid")
    return name


def offer_address(holder: User, *, origin: str) -> None:
    """Mail a link to claim this address to its owner, unless the account has confirmed it."""
    if holder.email is not None and not holder.email_verified:
        queue_link(kind=Kind.CLAIM, email=holder.email, origin=origin)


def _create(user: User, origin: str, agreed: Mapping[str, int]) -> User:
    user.language = active_language()
    try:
        with transaction.atomic():
            user.save()
            record_consents(user, agreed)
            if user.email is not None and not user.email_verified:
                queue_link(kind=Kind.VERIFY, email=user.email, user=user, origin=origin)
    except IntegrityError as taken_meanwhile:
        raise EmailTaken from taken_meanwhile
    return user
