"""The acts of payments in the log (accounts/acts.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.acts import Words

ACTS: dict[str, Words] = {
    "schedule.cancel": _("cancelled the schedule"),
    "schedule.refunded": _("refunded all buyers of the schedule"),
    "check_in.undo": _("undid a check-in"),
}
