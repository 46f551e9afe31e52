"""What every refusal is: a code and a status that clients rely on, and words for people.

Each app keeps its own refusals in its errors.py; problems.py renders them for the API and
refusals.py for the pages.
"""

from collections.abc import Iterator
from typing import ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class DomainError(Exception):
    """A request that the rules refuse; nothing but a record of the refusal was written.

    Subclasses set ``code`` (stable, for clients), ``status`` (HTTP) and ``message`` (translated).
    ``extra`` is added to the JSON problem, ``retry_after`` (seconds) becomes a header.
    """

    code: ClassVar[str]
    status: ClassVar[int]
    message: str | Promise

    def __init__(self, *, retry_after: int | None = None, **extra: object) -> None:
        super().__init__(self.code)
        self.retry_after = retry_after
        self.extra = extra


def every_refusal(base: type[DomainError] = DomainError) -> Iterator[type[DomainError]]:
    """All kinds of refusal, of all the apps that are loaded."""
    for refusal in base.__subclasses__():
        yield refusal
        yield from every_refusal(refusal)


class NotFound(DomainError):
    """There is no such thing, or it belongs to somebody else: the two look the same."""

    code = "not_found"
    status = 404
    message = _("There is nothing here, or it is not yours.")


class Malformed(DomainError):
    code = "malformed"
    status = 400
    message = _("The request is not valid.")


class CsrfFailed(DomainError):
    code = "csrf_failed"
    status = 403
    message = _("The CSRF token is missing or wrong.")


class TooManyRequests(DomainError):
    code = "too_many_requests"
    status = 429
    message = _("Too many requests. Please wait a moment.")


class Unavailable(DomainError):
    code = "unavailable"
    status = 503
    message = _("We are out of reach for a moment. Nothing was lost; please try again.")


class InternalError(DomainError):
    """A bug of ours; the log has it."""

    code = "internal_error"
    status = 500
    message = _("Something went wrong on our side.")
