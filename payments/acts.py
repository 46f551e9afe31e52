"""The acts of payments in the log (accounts/acts.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.acts import Words

ACTS: dict[str, Words] = {
    "schedule.cancel": _("cancelled the schedule"),
    "schedule.refunded": _("refunded all buyers of the schedule"),
    "ticket.refund": _("refunded a ticket by its policy"),
    "ticket.refund_in_full": _("refunded a ticket without a fee"),
    "seats.give": _("gave free tickets"),
    "ticket.move": _("moved a buyer to another seat"),
    "reservation.release": _("released a hold"),
    "seats.release": _("released the holds of seats"),
    "check_in.undo": _("undid a check-in"),
    "check_in.by_hand": _("let a holder in without a code"),
    "check_in.conflict": _("found a conflict at the door"),
    "guests.search": _("searched the tickets of a show"),
}
