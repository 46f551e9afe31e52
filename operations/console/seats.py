"""The seats of a date on a map, and a seat's own page with its history. What is done to them is in
seat_acts.py."""

import datetime as dt
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, cast

from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.acts import words_of
from accounts.models import User
from accounts.services.activity import entries_of
from accounts.templatetags.reasons import reason as reason_in_words
from concerts.models import Seat
from concerts.services.hall_chart import hall_chart, state_of
from concerts.services.seat_selection import MOST_SEATS
from operations.console.page import Context, console_page
from operations.console.seat_acts import VIEW, acts_on, get_schedule
from operations.console.seat_plan import IMPORT
from payments.models import Reservation

MOST_SHOWN = 100
# The reasons in a seat's history that say more than its statuses.
REASONS = {
    "held": "",
    "paid": "",
    "let_go": _("released by the buyer"),
    "let_go_by_staff": _("released by our staff"),
    "hold_expired": _("not paid in time"),
    "moved": _("a ticket was moved"),
}


@console_page(permission=VIEW, template="operations/console/seats.html")
def seats(request: HttpRequest, schedule_id: uuid.UUID) -> Context:
    schedule = get_schedule(request, schedule_id)
    chart = hall_chart(schedule)
    return {
        "title": str(schedule),
        "schedule": schedule,
        "chart": chart,
        "states": [(state, chart.counts[state], chart.paths[state]) for state in chart.paths],
        "parties": sorted(chart.parties.items()),
        "acts": acts_on(cast(User, request.user)),
        "most": MOST_SEATS,
        "may_import": request.user.has_perms(IMPORT),
    }


@dataclass(frozen=True)
class Change:
    """A line of a seat's history: of its status, or from the log."""

    at: dt.datetime
    what: str
    by: str
    reason: str


@console_page(permission=VIEW, template="operations/console/seat.html")
def seat(request: HttpRequest, schedule_id: uuid.UUID, number: int) -> Context:
    schedule = get_schedule(request, schedule_id)
    found = Seat.objects.filter(schedule=schedule, number=number).first()
    if found is None:
        raise Http404
    actor = cast(User, request.user)
    sees_people = actor.has_perm("accounts.view_user")
    live = Reservation.objects.select_related("user", "ticket__user").filter(seat=found)
    return {
        "title": f"{found.label} · {schedule}",
        "schedule": schedule,
        "seat": found,
        "state": state_of(found.status, found.blocked_for),
        "reservation": live.live().first(),
        "sees_people": sees_people,
        "may_move": actor.has_perm("payments.move_ticket"),
        "changes": sorted(_changes(found, sees_people), key=lambda each: each.at, reverse=True),
        "acts": acts_on(actor),
    }


def _changes(seat: Seat, sees_people: bool) -> Iterator[Change]:
    for line in seat.history.select_related("changed_by")[:MOST_SHOWN]:
        what = f"{line.get_from_status_display()} → {line.get_to_status_display()}"
        reason = REASONS.get(line.reason) or reason_in_words(line.reason)
        shown = "" if REASONS.get(line.reason) == "" else str(reason)
        by = line.changed_by
        name = by.email or by.name if by and (by.is_staff or sees_people) else ""
        yield Change(line.changed_at, what, name, shown)
    # What changes no status is in the log only, which names the seats of an act.
    acts = entries_of(seat.schedule).filter(
        act__in=["seats.reclassify", "seats.import"], new__seats__contains=[seat.label]
    )
    for entry in acts[:MOST_SHOWN]:
        yield Change(entry.at, _with_values(entry), entry.actor_email, entry.reason)


def _with_values(entry: Any) -> str:
    values = [str(entry.new[name]) for name in ("grade", "price", "kind") if name in entry.new]
    return ": ".join(filter(None, [words_of(entry.act), ", ".join(values)]))
