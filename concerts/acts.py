"""The acts of concerts in the log (accounts/acts.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.acts import Words

ACTS: dict[str, Words] = {
    "seats.generate": _("added seats"),
    "seats.remove": _("removed seats"),
    "seats.import": _("imported a seat plan"),
    "seats.block": _("blocked seats"),
    "seats.unblock": _("unblocked seats"),
    "seats.reclassify": _("changed the grade, price or kind of seats"),
    "show.create": _("made a draft of a show"),
    "show.publish": _("published the show"),
    "show.take_back": _("made the planned show a draft again"),
    "schedule.copy": _("added a date as a copy of another"),
    "schedule.move": _("moved the date"),
    "schedule.stop_sale": _("stopped the sale of the date"),
}
