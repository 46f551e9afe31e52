"""The refusals of holding, paying, cancelling and checking in."""

import datetime as dt

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from concertbook.db.clock import utc
from concertbook.errors import DomainError, NotFound, TooManyRequests
from concertbook.templatetags.times import when_text


class DuplicateSeats(DomainError):
    code = "duplicate_seats"
    status = 400
    message = _("The same seat is named twice.")


class TooManySeats(DomainError):
    """More seats than one request may hold or pay (payments.services.holds.MOST_AT_ONCE)."""

    code = "too_many_seats"
    status = 400
    message = _("That is too many seats for one request.")


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


class UnknownTicket(NotFound):
    message = _("No ticket has this code.")


class UnknownSchedule(NotFound):
    message = _("There is no such schedule.")


class UnknownCheckIn(NotFound):
    message = _("There is no such check-in.")


class WrongSchedule(DomainError):
    """The ticket is for another show than this entrance."""

    code = "wrong_schedule"
    status = 409
    message: str | Promise = _("This ticket is for another show.")

    def __init__(self, *, schedule: str, concert_title: str, start_at: dt.datetime) -> None:
        super().__init__(schedule=schedule, concert_title=concert_title, start_at=utc(start_at))
        self.message = _("This ticket is for another show: %(show)s, %(start)s.") % {
            "show": concert_title,
            "start": when_text(start_at),
        }


class DoorsNotOpen(DomainError):
    code = "doors_not_open"
    status = 409
    message: str | Promise = _("The doors are not open yet.")

    def __init__(self, *, opens_at: dt.datetime, start_at: dt.datetime) -> None:
        super().__init__(opens_at=utc(opens_at), start_at=utc(start_at))
        self.message = _("The doors are not open yet. They open on %(opening)s.") % {
            "opening": when_text(opens_at)
        }


class ShowOver(DomainError):
    code = "show_over"
    status = 409
    message: str | Promise = _("This show is over.")

    def __init__(self, *, ended_at: dt.datetime) -> None:
        super().__init__(ended_at=utc(ended_at))
        self.message = _("This show is over. It ended on %(end)s.") % {"end": when_text(ended_at)}


class AlreadyUndone(DomainError):
    code = "already_undone"
    status = 409
    message = _("This check-in was undone before.")


class UndoTooLate(DomainError):
    code = "undo_too_late"
    status = 409
    message: str | Promise = _("A check-in can only be undone within a few minutes.")

    def __init__(self, *, until: dt.datetime) -> None:
        super().__init__(until=utc(until))
        self.message = _(
            "It is too late to undo this check-in. That was possible until %(time)s."
        ) % {"time": when_text(until)}


class GivenUpTooOften(TooManyRequests):
    """The buyer has released too many holds, or let them expire."""

    message = _("You have held too many seats and let them go. Please try again later.")


class StaleTicket(DomainError):
    """Another transaction changed the ticket between our read and write."""

    code = "conflict"
    status = 409
    message = _("This ticket was changed by another request just now. Please look again.")


class CancellationClosed(DomainError):
    code = "cancellation_closed"
    status = 403
    message = _("The concert has begun: its tickets can no longer be cancelled.")


class InvalidPeriod(DomainError):
    code = "invalid_period"
    status = 400
    message = _("The period must end on or after the day it begins, and last a year at most.")
