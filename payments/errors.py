"""What holding, paying, cancelling and the door refuse."""

from django.utils.translation import gettext_lazy as _

from concertbook.errors import DomainError, TooManyRequests


class DuplicateSeats(DomainError):
    code = "duplicate_seats"
    status = 400
    message = _("The same seat is named twice.")


class PurchaseLimitExceeded(DomainError):
    code = "purchase_limit_exceeded"
    status = 409
    message = _("That is more seats than one person may have.")


class HoldExpired(DomainError):
    """Recorded as a FAILED payment before it is raised."""

    code = "hold_expired"
    status = 410
    message = _("The five minutes are over and the seat was released.")


class AlreadyPaid(DomainError):
    code = "already_paid"
    status = 409
    message = _("This is already paid.")


class AlreadyCancelled(DomainError):
    code = "already_cancelled"
    status = 409
    message = _("This is already cancelled.")


class TicketUsed(DomainError):
    code = "ticket_used"
    status = 409
    message = _("This ticket was used at the door.")


class GivenUpTooOften(TooManyRequests):
    """Somebody keeps taking seats and letting them go."""

    message = _("You have held too many seats and let them go. Please try again later.")


class StaleTicket(DomainError):
    """Somebody else changed the ticket between our reading and our writing it."""

    code = "conflict"
    status = 409
    message = _("This ticket was changed by somebody else just now. Please look again.")


class CancellationClosed(DomainError):
    code = "sale_closed"
    status = 403
    message = _("The concert has begun: its tickets can no longer be cancelled.")


class InvalidPeriod(DomainError):
    code = "malformed"
    status = 400
    message = _("The period must end on or after the day it begins, and last a year at most.")
