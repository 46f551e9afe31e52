"""The acts of operations in the log (accounts/acts.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.acts import Words

ACTS: dict[str, Words] = {
    "export.queue": _("exported a list"),
    "export.download": _("downloaded an export"),
    "settlement.download": _("downloaded a settlement"),
    "ticket.find_by_code": _("looked a ticket up by its code"),
    "audit.run": _("ran the audit"),
    "rehearsal.begin": _("began a rehearsal"),
    "rehearsal.end": _("ended a rehearsal"),
}
