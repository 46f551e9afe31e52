"""What accounts refuse."""

from django.utils.translation import gettext_lazy as _

from concertbook.errors import DomainError


class InvalidAmount(DomainError):
    code = "invalid_amount"
    status = 400
    message = _("The amount must be a whole number of won within the limits.")


class InsufficientBalance(DomainError):
    """Recorded as a FAILED line in the ledger before it is raised."""

    code = "insufficient_balance"
    status = 402
    message = _("Your balance is not enough. Please charge it first.")


class ChargeDeclined(DomainError):
    """The gateway said no; ``reason`` is its word for why. Recorded as a FAILED line."""

    code = "charge_declined"
    status = 402
    message = _("The charge was declined.")


class InvalidCredentials(DomainError):
    """Wrong e-mail or wrong password: the words and the time taken do not tell which."""

    code = "not_authenticated"
    status = 401
    message = _("The e-mail address or the password is wrong.")


class InvalidRefreshToken(DomainError):
    code = "not_authenticated"
    status = 401
    message = _("Please log in again.")
