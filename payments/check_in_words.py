"""What a refusal at the door is called in a few words, for the staff."""

from django.utils.translation import gettext_lazy as _

# Why a holder who was let in without a network is a conflict, by the refusal's code.
CONFLICTS = {
    "ticket_used": _("let in twice"),
    "already_cancelled": _("refunded ticket"),
    "code_ended": _("handed on or moved: the code had ended"),
    "wrong_schedule": _("ticket of another date"),
    "not_found": _("unknown code"),
    "doors_not_open": _("before the doors opened"),
    "show_over": _("after the end of the show"),
}
