"""The refusals of concerts and their seats."""

from django.utils.translation import gettext_lazy as _

from concertbook.errors import (
    AGAIN,
    BALANCE,
    CONCERTS,
    TICKETS,
    DomainError,
)


class SeatNotFound(DomainError):
    code = "seat_not_found"
    status = 404
    message = _("There is no such seat in this schedule.")
    meaning = _("Nothing was held and nothing was paid.")
    next_step = AGAIN


class SeatTaken(DomainError):
    """``yours`` is True when the buyer holds this seat already, without having got the answer."""

    code = "seat_taken"
    status = 409
    message = _("Another buyer was first: this seat is already taken.")
    meaning = _("You have paid nothing. Please choose another seat.")
    next_step = AGAIN

    def __init__(self, *, seat: int | None = None, yours: bool = False) -> None:
        super().__init__(seat=seat, yours=yours)
        if yours:
            self.message = _("You are holding this seat already.")


class SeatLabelTaken(DomainError):
    """Another seat has the same label, or one that looks the same."""

    code = "seat_label_taken"
    status = 409
    message = _("Another seat has this label.")
    meaning = _("Nothing was saved.")
    next_step = AGAIN


class SeatPlaceTaken(DomainError):
    code = "seat_place_taken"
    status = 409
    message = _("Another seat has this section, row and number.")
    meaning = _("Nothing was saved.")
    next_step = AGAIN


class SaleNotOpen(DomainError):
    code = "sale_not_open"
    status = 403
    message = _("The sale has not opened yet.")
    meaning = _(
        "Nothing was held and nothing was paid. The concert's page says when the sale opens."
    )
    next_step = CONCERTS


class SaleClosed(DomainError):
    code = "sale_closed"
    status = 403
    message = _("The sale is over.")
    meaning = _("Nothing was paid. The tickets that you have are valid.")
    next_step = TICKETS


class ScheduleCancelled(DomainError):
    """The schedule was cancelled: nothing is sold, and every buyer is refunded in full."""

    code = "schedule_cancelled"
    status = 403
    message = _("This performance was cancelled. Every ticket is refunded in full.")
    meaning = _("The whole price goes back to your balance. There is nothing you need to do.")
    next_step = BALANCE


class SeatsChanged(DomainError):
    """The number of seats differs from the number that the operator saw."""

    code = "seats_changed"
    status = 409
    message = _("Seats were added or removed meanwhile. Please look again.")
    meaning = _("Nothing was changed.")
    next_step = AGAIN
