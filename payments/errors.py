"""The refusals of holding, paying, cancelling and checking in."""

import datetime as dt

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from concertbook.db.clock import utc
from concertbook.errors import (
    ACCOUNT,
    AGAIN,
    BALANCE,
    CONCERTS,
    RESERVATIONS,
    TICKETS,
    DomainError,
    NotFound,
    TooManyRequests,
)
from concertbook.templatetags.times import when_text


class DuplicateSeats(DomainError):
    code = "duplicate_seats"
    status = 400
    message = _("The same seat is named twice.")
    meaning = _("Nothing was held and nothing was paid.")
    next_step = AGAIN


class TooManySeats(DomainError):
    """More seats than one request may hold or pay (payments.services.holds.MOST_AT_ONCE)."""

    code = "too_many_seats"
    status = 400
    message = _("That is too many seats for one request.")
    meaning = _("Nothing was held and nothing was paid.")
    next_step = AGAIN


class PurchaseLimitExceeded(DomainError):
    code = "purchase_limit_exceeded"
    status = 409
    message = _("That is more seats than one person may have.")
    meaning = _("No further seat was held. The seats and tickets that you have stay yours.")
    next_step = RESERVATIONS


class CompanionNeedsWheelchair(DomainError):
    """A companion seat without a wheelchair seat of the same schedule for it."""

    code = "companion_needs_wheelchair"
    status = 409
    message = _(
        "A companion seat goes with a wheelchair seat: please choose a wheelchair seat for each"
        " companion seat."
    )
    meaning = _("Nothing was held and nothing was paid.")
    next_step = AGAIN


class HoldExpired(DomainError):
    """Recorded as a FAILED payment before it is raised."""

    code = "hold_expired"
    status = 410
    message = _("The five minutes are over and the seat was released.")
    meaning = _("No money was taken. You may choose again.")
    next_step = CONCERTS


class AlreadyPaid(DomainError):
    code = "already_paid"
    status = 409
    message = _("This is already paid.")
    meaning = _("You have paid once, and the ticket is yours.")
    next_step = TICKETS


class AlreadyCancelled(DomainError):
    code = "already_cancelled"
    status = 409
    message = _("This is already cancelled.")
    meaning = _("The refund was made once and is in your balance.")
    next_step = BALANCE


class TicketUsed(DomainError):
    code = "ticket_used"
    status = 409
    message = _("This ticket was used at the door.")
    meaning = _("It can no longer be cancelled, and there is no refund.")
    next_step = TICKETS


class NoSuchAccount(NotFound):
    """A free ticket for an address that no account has confirmed."""

    code = "no_such_account"
    message = _("No account has confirmed this address.")
    meaning = _("No ticket was given.")


class NotTheBuyer(DomainError):
    """The ticket was handed to its holder; its money is the buyer's."""

    code = "not_the_buyer"
    status = 409
    message = _("This ticket was handed to you: only its buyer can cancel it.")
    meaning = _("It stays valid. Hand it back to the buyer if you do not need it.")
    next_step = TICKETS


class EmailNotConfirmed(DomainError):
    """Tickets are handed on between confirmed addresses only."""

    code = "email_not_confirmed"
    status = 403
    message = _("Please confirm your e-mail address first.")
    meaning = _("Tickets change hands between confirmed addresses only. Nothing was changed.")
    next_step = ACCOUNT


class HandingOnOff(DomainError):
    code = "handing_on_off"
    status = 403
    message = _("Tickets of this performance cannot be handed on.")
    meaning = _("The ticket is unchanged.")
    next_step = TICKETS


class HandingOnClosed(DomainError):
    code = "handing_on_closed"
    status = 403
    message: str | Promise = _("It is too late: tickets of this performance change hands no more.")
    meaning = _("The ticket is unchanged.")
    next_step = TICKETS

    def __init__(self, *, until: dt.datetime) -> None:
        super().__init__(until=utc(until))
        self.message = _(
            "It is too late: tickets of this performance changed hands until %(time)s."
        ) % {"time": when_text(until)}


class HandedOnTooOften(DomainError):
    code = "handed_on_too_often"
    status = 409
    message = _("This ticket was handed on as often as a ticket may be.")
    meaning = _("The ticket is unchanged.")
    next_step = TICKETS


class OfferedToOneself(DomainError):
    code = "offered_to_oneself"
    status = 400
    message = _("This is your own address.")
    meaning = _("The ticket is yours already, and nothing was changed.")
    next_step = AGAIN


class AlreadyOffered(DomainError):
    code = "already_offered"
    status = 409
    message = _("This ticket is offered to another address. Please withdraw that offer first.")
    meaning = _("That offer stays open.")
    next_step = TICKETS


class OfferedTooOften(TooManyRequests):
    """The user has offered tickets too often within an hour."""

    message = _("You have offered tickets too often. Please try again later.")
    meaning = _("The ticket is unchanged.")
    next_step = TICKETS


class OfferOver(DomainError):
    """The offer was withdrawn or declined, or its ticket was used, cancelled or handed on."""

    code = "offer_over"
    status = 410
    message = _("This offer is over.")
    meaning = _("The ticket stays with its holder. Ask them to offer it to you again.")
    next_step = TICKETS


class UnknownOffer(NotFound):
    message = _("There is no offer for your address here.")
    meaning = _(
        "Nothing was changed. An offer is for the address that its mail was sent to: log in with"
        " that one."
    )
    next_step = TICKETS


class TooManyTickets(PurchaseLimitExceeded):
    """With the offered ticket, the receiver would be above the purchase limit."""

    message = _("With this ticket you would have more than one person may have.")
    meaning = _("The offer stays open. The seats and tickets that you have stay yours.")
    next_step = TICKETS


class CodeEnded(DomainError):
    """The code of a ticket that was handed on, or moved to another seat, since: it has another."""

    code = "code_ended"
    status = 409
    message: str | Promise = _("This code ended: the ticket has another one.")
    meaning = _("The ticket is valid by its newest code, and was not used up.")
    next_step = AGAIN

    def __init__(self, *, ended_at: dt.datetime) -> None:
        super().__init__(ended_at=utc(ended_at))
        self.message = _(
            "This code ended on %(time)s: the ticket was handed on or moved, and has another."
        ) % {"time": when_text(ended_at)}


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
    meaning = _("The ticket was not used up.")
    next_step = AGAIN

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
    meaning = _("The ticket was not used up.")
    next_step = AGAIN

    def __init__(self, *, opens_at: dt.datetime, start_at: dt.datetime) -> None:
        super().__init__(opens_at=utc(opens_at), start_at=utc(start_at))
        self.message = _("The doors are not open yet. They open on %(opening)s.") % {
            "opening": when_text(opens_at)
        }


class ShowOver(DomainError):
    code = "show_over"
    status = 409
    message: str | Promise = _("This show is over.")
    meaning = _("The ticket was not used up.")
    next_step = AGAIN

    def __init__(self, *, ended_at: dt.datetime) -> None:
        super().__init__(ended_at=utc(ended_at))
        self.message = _("This show is over. It ended on %(end)s.") % {"end": when_text(ended_at)}


class AlreadyUndone(DomainError):
    code = "already_undone"
    status = 409
    message = _("This check-in was undone before.")
    meaning = _("Nothing was changed.")
    next_step = AGAIN


class UndoTooLate(DomainError):
    code = "undo_too_late"
    status = 409
    message: str | Promise = _("A check-in can only be undone within a few minutes.")
    meaning = _("The ticket stays used.")
    next_step = AGAIN

    def __init__(self, *, until: dt.datetime) -> None:
        super().__init__(until=utc(until))
        self.message = _(
            "It is too late to undo this check-in. That was possible until %(time)s."
        ) % {"time": when_text(until)}


class GivenUpTooOften(TooManyRequests):
    """The buyer has released too many holds, or let them expire."""

    message = _("You have held too many seats and let them go. Please try again later.")
    meaning = _("Nothing was paid. The tickets that you have are valid.")
    next_step = TICKETS


class StaleTicket(DomainError):
    """Another transaction changed the ticket between our read and write."""

    code = "conflict"
    status = 409
    message = _("This ticket was changed by another request just now. Please look again.")
    meaning = _("This request has changed nothing.")
    next_step = TICKETS


class CancellationClosed(DomainError):
    code = "cancellation_closed"
    status = 403
    message = _("The concert has begun: its tickets can no longer be cancelled.")
    meaning = _("The ticket stays valid, and there is no refund.")
    next_step = TICKETS


class InvalidPeriod(DomainError):
    code = "invalid_period"
    status = 400
    message = _("The period must end on or after the day it begins, and last a year at most.")
    meaning = _("No report was made.")
    next_step = AGAIN
