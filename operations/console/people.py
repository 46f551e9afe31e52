"""A person on one page: who it is, what happened in a sentence and in full, and what can be done.

The search that leads there is operations/services/find.py.
"""

import datetime as dt
import uuid
from typing import Any, cast

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_aware
from django.utils.translation import gettext_lazy as _

from accounts.models import Credit, User
from accounts.services.devices import client_of, list_devices
from concerts.services.staff_concerts import works_for
from operations.console.event_words import TONES, words_of_event
from operations.console.page import Context, console_page
from operations.console.person_acts import acts_on
from operations.services.find import Found, find
from operations.services.timeline import Event, read_timeline
from operations.services.verdict import Facts, judge, read_facts
from payments.models import Reservation

VIEW = "accounts.view_user"


@console_page(title=_("Search"), template="operations/console/found.html")
def search(request: HttpRequest) -> HttpResponse | Context:
    """What the search finds; the person's page at once where it is one person's alone."""
    text = request.GET.get("q", "").strip()
    actor = cast(User, request.user)
    found = find(actor=actor, text=text)
    people = {each.user for each in found if each.user}
    if len(people) == 1 and all(each.user for each in found) and actor.has_perm(VIEW):
        (person,) = people
        return redirect("console:person", person.pk)
    return {"text": text, "found": [_shown(each) for each in found]}


def _shown(found: Found) -> dict[str, Any]:
    opts = found.model._meta
    row = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[found.pk])
    return {
        "kind": found.kind,
        "pk": str(found.pk),
        "user": found.user,
        "row": row,
        "ended": found.ended,
    }


@console_page(permission=VIEW, template="operations/console/person.html")
def person(request: HttpRequest, user_id: uuid.UUID) -> Context:
    user = get_person(user_id)
    facts = read_facts(user)
    timeline = read_timeline(user=user, before=_before(request))
    actor = cast(User, request.user)
    may = acts_on(actor)
    devices = list_devices(user=user, session_key=None)
    return {
        "title": str(user),
        "person": user,
        "facts": facts,
        "verdict": judge(facts),
        "things": [_thing(each, facts, actor, may) for each in facts.reservations],
        "received": [each for each in facts.received if each.ticket.user_id == user.pk],
        "events": [_told(event, may) for event in timeline.events],
        "older": timeline.older and timeline.older.isoformat(),
        "is_newest": "before" not in request.GET,
        "credits": _waiting_credits(user),
        "devices": [(client_of(device), device) for device in devices],
        "may": may,
    }


def _waiting_credits(user: User) -> list[Credit]:
    return list(user.credits.filter(state=Credit.State.WAITING).select_related("asked_by"))


def get_person(user_id: uuid.UUID) -> User:
    user: User | None = User.objects.defer("password").filter(pk=user_id).first()
    if user is None:
        raise Http404
    return user


def _before(request: HttpRequest) -> dt.datetime | None:
    """The time of the address, None for the newest page. Raises Http404 for what is no time."""
    text = request.GET.get("before")
    if text is None:
        return None
    try:
        before = parse_datetime(text)
    except ValueError:
        before = None
    if before is None or not is_aware(before):
        raise Http404
    return before


def _thing(reservation: Reservation, facts: Facts, actor: User, may: set[str]) -> dict[str, Any]:
    """A seat of the person with the acts that make sense for it now."""
    ticket = getattr(reservation, "ticket", None)
    acts = []
    if not works_for(actor, reservation.schedule.concert_id):
        may = set()
    is_held = reservation.status == "HOLD" and reservation.expires_at > facts.now
    if is_held and "release" in may:
        acts.append(("release", reservation.pk))
    if ticket is not None and ticket.status == "ISSUED" and ticket.is_the_buyers:
        acts += [(act, ticket.pk) for act in ("move", "refund", "refund-in-full") if act in may]
    return {"reservation": reservation, "ticket": ticket, "is_held": is_held, "acts": acts}


def _told(event: Event, may: set[str]) -> dict[str, Any]:
    is_message = event.what in ("message.sent", "message.failed")
    return {
        "event": event,
        "words": words_of_event(event),
        "tone": TONES.get(event.what, ""),
        "resend": event.key if is_message and "resend" in may else None,
    }
