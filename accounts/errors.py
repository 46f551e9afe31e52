"""The refusals of accounts."""

from django.utils.translation import gettext_lazy as _

from concertbook.errors import (
    ACCOUNT,
    AGAIN,
    BALANCE,
    CHARGE,
    LOG_IN,
    NEW_PASSWORD,
    DomainError,
    NotAuthenticated,
    TooManyRequests,
)


class InvalidAmount(DomainError):
    code = "invalid_amount"
    status = 400
    message = _("The amount must be a whole number of won within the limits.")
    meaning = _("Nothing was charged.")
    next_step = BALANCE


class InsufficientBalance(DomainError):
    """Recorded as a FAILED line in the ledger before it is raised."""

    code = "insufficient_balance"
    status = 402
    message = _("Your balance is not enough. Please charge it first.")
    meaning = _("Nothing was paid. Seats that you hold stay yours until their time is over.")
    next_step = CHARGE


class ChargeDeclined(DomainError):
    """The gateway declined; ``reason`` is its code. Recorded as a FAILED line."""

    code = "charge_declined"
    status = 402
    message = _("The charge was declined.")
    meaning = _("No money was taken. Seats that you hold stay yours until their time is over.")
    next_step = CHARGE


class GatewayUnavailable(DomainError):
    """It is unknown whether money was taken; a retry or the sweep settles the pending charge."""

    code = "gateway_unavailable"
    status = 503
    message = _("The card company does not answer. Nothing is charged twice; please try again.")
    meaning = _("If money was taken, it is in your balance within a few minutes.")
    next_step = BALANCE


class EmailTaken(DomainError):
    """Another account has the address; ``errors`` names the field, as for other bad input."""

    code = "email_taken"
    status = 400
    message = _(
        "There is an account with this e-mail address already. If the address is yours, log in or"
        " choose a new password; a link may be in your mail."
    )
    meaning = _("Nothing was changed.")
    next_step = LOG_IN

    def __init__(self) -> None:
        error = {"field": "email", "code": self.code, "detail": str(self.message)}
        super().__init__(errors=[error])


class WrongCode(DomainError):
    code = "wrong_code"
    status = 403
    message = _("This code is not valid, or was used before.")
    meaning = _("Nothing was changed.")
    next_step = ACCOUNT


class SecondFactorNeeded(DomainError):
    """The staff's own part of the API, by a session or token that began without a second factor."""

    code = "second_factor_needed"
    status = 403
    message = _("Please log in again, with a code of your authenticator app.")
    meaning = _("Nothing was changed.")
    next_step = LOG_IN


class SecondFactorExists(DomainError):
    """Set up meanwhile in another window."""

    code = "second_factor_exists"
    status = 409
    message = _("The second factor is set up already.")
    meaning = _("Nothing was changed.")
    next_step = ACCOUNT


class WrongPassword(DomainError):
    """The account's current password was required, and the given one is wrong."""

    code = "wrong_password"
    status = 403
    message = _("This is not your password.")
    meaning = _("Nothing was changed.")
    next_step = NEW_PASSWORD


class AccountInUse(DomainError):
    """The account cannot be deleted now; ``obstacles`` names each reason by code and detail."""

    code = "account_in_use"
    status = 409
    message = _("The account cannot be deleted yet: it still has something of yours.")
    meaning = _("Nothing was changed. The reasons are listed, each with what to do.")
    next_step = ACCOUNT


class AccountClosing(DomainError):
    """Its user has asked for the end of the account; a log-in undoes that."""

    code = "account_closing"
    status = 409
    message = _("This account is about to be deleted. Log in again to keep it.")
    meaning = _("Nothing was charged and nothing was changed.")
    next_step = LOG_IN


class SecondPersonNeeded(DomainError):
    """A member of the staff gives a credit to themselves, or decides on one that they asked for."""

    code = "second_person_needed"
    status = 403
    message = _("Another person must do this: the money is for you, or you asked for it.")
    meaning = _("Nothing was changed.")
    next_step = AGAIN


class CreditDecided(DomainError):
    """By another member of the staff, or otherwise, meanwhile."""

    code = "credit_decided"
    status = 409
    message = _("This credit has been decided already.")
    meaning = _("Nothing was changed.")
    next_step = AGAIN


class LinkUsed(DomainError):
    """A link from a mail that was used, replaced by a later one, or is too old."""

    code = "link_used"
    status = 410
    message = _("This link was used before or is too old.")
    meaning = _("Nothing was changed. We can send you a new link.")
    next_step = ACCOUNT


class InvalidCredentials(NotAuthenticated):
    """Wrong e-mail or wrong password: neither the message nor the response time tells which."""

    message = _("The e-mail address or the password is wrong.")


class TooManyLogIns(TooManyRequests):
    """Wrong passwords for the account, or log-ins from the address. None is checked then."""

    message = _("Too many attempts to log in.")
    meaning = _(
        "This time the password was not checked. The account and all that it has are safe. Please"
        " wait, or choose a new password."
    )
    next_step = NEW_PASSWORD


class InvalidRefreshToken(NotAuthenticated):
    message = _("Please log in again.")


class IdempotencyKeyMissing(DomainError):
    code = "idempotency_key_missing"
    status = 400
    message = _("This request needs an Idempotency-Key header.")
    meaning = _("Nothing was done.")
    next_step = AGAIN


class IdempotencyKeyInvalid(DomainError):
    """The header is present, but its value is no valid key; also where the header is optional."""

    code = "idempotency_key_invalid"
    status = 400
    message = _("The Idempotency-Key must be 1 to 255 printable ASCII characters.")
    meaning = _("Nothing was done.")
    next_step = AGAIN


class IdempotencyKeyReused(DomainError):
    code = "idempotency_key_reused"
    status = 422
    message = _("This Idempotency-Key belongs to another request.")
    meaning = _("Nothing was done.")
    next_step = AGAIN


class IdempotencyInFlight(DomainError):
    code = "idempotency_in_flight"
    status = 409
    message = _("This very request is still being worked on. Please ask again in a moment.")
    meaning = _("It takes effect once, however often it is sent.")
    next_step = AGAIN
