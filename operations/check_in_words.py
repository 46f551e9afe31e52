"""What the page at /door/ says about a scan: the same words with a network and without.

The page's script has this table too, and fills in ``{time}``, ``{gate}`` and ``{show}`` as we do.
"""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.dateparse import parse_datetime
from django.utils.functional import Promise
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from concertbook.errors import DomainError
from concertbook.templatetags.times import when_text
from payments.models import CheckIn

GOOD, BAD, ASK = "good", "bad", "ask"


@dataclass(frozen=True)
class Words:
    """``kind``: green lets the holder in, red does not, yellow asks for a second look."""

    kind: str
    headline: str | Promise
    detail: str | Promise = ""


WORDS: dict[str, Words] = {
    "admitted": Words(GOOD, _("Come in")),
    "admitted_offline": Words(GOOD, _("Come in"), _("Without a network; it is sent later.")),
    "ticket_used": Words(BAD, _("Used already"), _("Used at {time} at gate {gate}")),
    "used_without_gate": Words(BAD, _("Used already"), _("Used at {time}")),
    "wrong_schedule": Words(ASK, _("Ticket of another date"), _("{show}, {time}")),
    "already_cancelled": Words(
        BAD, _("Refunded ticket"), _("This ticket was cancelled and refunded.")
    ),
    "code_ended": Words(
        BAD,
        _("This code has ended"),
        _("The ticket was handed on or moved; it has another code."),
    ),
    "not_found": Words(BAD, _("Unknown code"), _("No ticket has this code.")),
    "doors_not_open": Words(ASK, _("The doors are not open yet"), _("They open at {time}")),
    "show_over": Words(BAD, _("The show is over"), _("It ended at {time}")),
    "not_in_list": Words(
        ASK,
        _("Cannot be checked now"),
        _("Not in the list as of {time}, and there is no network. Look at the holder's ticket."),
    ),
    "no_list": Words(
        ASK, _("Cannot be checked now"), _("There is no network, and this phone has no list yet.")
    ),
    "hangul": Words(
        ASK, _("The scanner types Hangul"), _("Press the Korean/English key once, and scan again.")
    ),
    "logged_out": Words(
        ASK, _("Please log in again"), _("Nothing was sent. Load this page again.")
    ),
    "refused": Words(BAD, _("Not valid")),
}
# Which field of a refusal has its time.
TIMES = ("used_at", "opens_at", "start_at", "ended_at")


@dataclass(frozen=True)
class Verdict:
    """What is shown in full screen. ``check_in`` can be undone."""

    kind: str
    headline: str
    detail: str = ""
    seat: str = ""
    name: str = ""
    check_in: CheckIn | None = None


def admitted(check_in: CheckIn) -> Verdict:
    """For a check-in with its ticket, seat and holder."""
    words, ticket = WORDS["admitted"], check_in.ticket
    return Verdict(
        words.kind,
        str(words.headline),
        seat=ticket.seat.label,
        name=ticket.user.name,
        check_in=check_in,
    )


def refused(refusal: DomainError) -> Verdict:
    """For a refusal of a check-in, with its time, gate and show."""
    code = refusal.code
    if code == "ticket_used" and not refusal.extra.get("gate"):
        code = "used_without_gate"
    words = WORDS.get(code)
    if words is None:
        return Verdict(BAD, str(WORDS["refused"].headline), detail=str(refusal.message))
    return Verdict(words.kind, str(words.headline), _filled(str(words.detail), refusal.extra))


def _filled(text: str, values: Mapping[str, Any]) -> str:
    fields = {"gate": values.get("gate", ""), "show": values.get("concert_title", "")}
    moment = next((parse_datetime(str(values[name])) for name in TIMES if name in values), None)
    return text.format(**fields, time=_time(moment) if moment else "")


def _time(moment: dt.datetime) -> str:
    """The hour, for today; else the date too."""
    here = localtime(moment)
    return f"{here:%H:%M}" if here.date() == localtime().date() else when_text(moment)


def script_words() -> dict[str, Any]:
    """The table for the page's script, in the reader's language."""
    verdicts = {
        code: {"kind": each.kind, "headline": str(each.headline), "detail": str(each.detail)}
        for code, each in WORDS.items()
    }
    return {
        "verdicts": verdicts,
        "online": gettext("Online"),
        "offline": gettext("No network"),
        "waiting": gettext("{n} to send"),
        "undo": gettext("Undo"),
        "gate": gettext("Gate {gate}"),
        "list": gettext("List for a time without a network: {n} tickets, as of {time}"),
        "no_list": gettext("No list for a time without a network yet"),
        "conflicts": gettext("Conflicts: {n}"),
        "camera_off": gettext("Turn the camera on"),
        "camera_on": gettext("Turn the camera off"),
        "no_camera": gettext("The camera cannot be used. Allow it in the browser's settings."),
        "other_use": gettext("{time} at gate {gate}"),
    }
