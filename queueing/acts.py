"""The acts of queueing in the log (accounts/acts.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.acts import Words

ACTS: dict[str, Words] = {
    "room.open": _("opened the waiting room"),
    "room.pause": _("paused the waiting room"),
    "room.pace": _("changed the pace of the waiting room"),
    "room.drain": _("let the waiting room drain"),
    "room.close": _("closed the waiting room"),
    "room.draw": _("drew the lots"),
    "room.message": _("set the message to the line"),
}
