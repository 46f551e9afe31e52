"""The base class of every refusal: a code and a status for clients, and a message for people.

Each app has its own refusals in its errors.py. concertbook/http/problems.py renders them for the
API, and concertbook/http/error_pages.py for the pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True)
class NextStep:
    """Where a page leads a person after a refusal: the name of an address, and its arguments.

    Without a name it is the page itself, to try again. ``is_public``: of the public pages, which
    have an address for each language.
    """

    label: Promise
    name: str = ""
    is_public: bool = False


AGAIN = NextStep(_("Back to the page"))
CONCERTS = NextStep(_("See all concerts"), "concert_list", is_public=True)
TICKETS = NextStep(_("My tickets"), "ticket_list")
RESERVATIONS = NextStep(_("Orders"), "reservation_list")
BALANCE = NextStep(_("My balance"), "balance")
CHARGE = NextStep(_("Charge the balance"), "balance")
LOG_IN = NextStep(_("Log in"), "account_login")
ACCOUNT = NextStep(_("Account"), "account")
NEW_PASSWORD = NextStep(_("Choose a new password"), "account_reset_password")


class DomainError(Exception):
    """A request that a rule refuses; at most a record of the refusal was written.

    Subclasses set ``code`` (stable, for clients), ``status`` (HTTP), and for people, translated:
    ``message`` (what happened), ``meaning`` (for their money and their seats) and ``next_step``.
    ``extra`` is added to the JSON problem, ``retry_after`` (seconds) becomes a header, and so does
    ``challenge`` with a 401 (WWW-Authenticate, RFC 6750).
    """

    code: ClassVar[str]
    status: ClassVar[int]
    message: str | Promise
    meaning: ClassVar[str | Promise]
    next_step: ClassVar[NextStep]
    challenge: ClassVar[str] = "Bearer"

    def __init__(self, *, retry_after: int | None = None, **extra: object) -> None:
        super().__init__(self.code)
        self.retry_after = retry_after
        self.extra = extra

    @property
    def headline(self) -> str:
        """The first sentence of the message."""
        first, dot, _more = str(self.message).partition(". ")
        return first + dot.strip()

    @property
    def details(self) -> str:
        """The rest of the message, and what it means."""
        _first, _dot, more = str(self.message).partition(". ")
        return f"{more} {self.meaning}".strip()


def every_refusal(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """All classes of refusals, of all loaded apps."""
    for refusal in base.__subclasses__():
        yield refusal
        yield from every_refusal(refusal)


class NotFound(DomainError):
    """The object does not exist or belongs to another user; the answer does not tell which."""

    code = "not_found"
    status = 404
    message = _("There is nothing here, or it is not yours.")
    meaning = _(
        "Nothing was changed. The address may be incomplete, or you are logged in to another"
        " account."
    )
    next_step = CONCERTS


class Malformed(DomainError):
    code = "malformed"
    status = 400
    message = _("The request is not valid.")
    meaning = _("Nothing was changed and nothing was paid.")
    next_step = AGAIN


class NotAuthenticated(DomainError):
    """The request needs a logged-in user."""

    code = "not_authenticated"
    status = 401
    message = _("Please log in first.")
    meaning = _(
        "Nothing was sent or paid. Seats that you hold stay yours until their time is over."
    )
    next_step = LOG_IN


class InvalidAccessToken(NotAuthenticated):
    """The access token has a wrong signature, has expired, or its session has ended."""

    challenge = 'Bearer error="invalid_token"'
    message = _("You are no longer logged in. Please log in again.")


class PermissionDenied(DomainError):
    code = "permission_denied"
    status = 403
    message = _("You may not do this.")
    meaning = _("Your account lacks the permission for this page. Nothing was changed.")
    next_step = CONCERTS


class MethodNotAllowed(DomainError):
    """The Allow header names the allowed methods."""

    code = "method_not_allowed"
    status = 405
    message = _("This address does not take this method.")
    meaning = _("It belongs to a form on another page. Nothing was changed.")
    next_step = CONCERTS


class NotAcceptable(DomainError):
    code = "not_acceptable"
    status = 406
    message = _("The answer has none of the media types that the Accept header names.")
    meaning = _("Nothing was changed.")
    next_step = CONCERTS


class TooLarge(DomainError):
    code = "too_large"
    status = 413
    message = _("The body is larger than 64 KiB.")
    meaning = _("Nothing was changed and nothing was paid.")
    next_step = AGAIN


class UnsupportedMediaType(DomainError):
    code = "unsupported_media_type"
    status = 415
    message = _("The body must be application/json.")
    meaning = _("Nothing was changed.")
    next_step = AGAIN


class CsrfFailed(DomainError):
    code = "csrf_failed"
    status = 403
    message = _("The CSRF token is missing or wrong.")
    meaning = _("Nothing was changed and nothing was paid.")
    next_step = AGAIN


class TooManyRequests(DomainError):
    code = "too_many_requests"
    status = 429
    message = _("Too many requests. Please wait a moment.")
    meaning = _("Your place in line, your seats and your money are not affected.")
    next_step = AGAIN


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    message = _("We are out of reach for a moment. Nothing was lost; please try again.")
    meaning = _(
        "If you were paying, look at your tickets first. The same payment is never made twice."
    )
    next_step = AGAIN


class InternalError(DomainError):
    """A bug; the log has the traceback."""

    code = "internal_error"
    status = 500
    message = _("Something went wrong on our side.")
    meaning = _(
        "We have been told about it. What you paid for is safe: please look at your tickets and"
        " your balance before you try again."
    )
    next_step = TICKETS
