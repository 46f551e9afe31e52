"""The acts of concerts in the log (accounts/acts.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.acts import Words

ACTS: dict[str, Words] = {
    "seats.generate": _("added seats"),
    "seats.remove": _("removed seats"),
    "schedule.stop_sale": _("stopped the sale of the date"),
}
