"""The page at /door/, for staff with a phone in one hand: scan, search, undo, conflicts.

Every page works without JavaScript. With it static/js/check-in.js scans by the camera, and goes on
without a network (payments/services/check_in_lists.py, scan_sync.py).
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, wraps
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods, require_safe

from accounts.requests import MemberRequest
from concertbook.errors import DomainError
from concertbook.http.ids import parse_uuid
from concerts.models import ConcertSchedule
from operations.check_in_words import Verdict, admitted, refused, script_words
from payments.check_in_words import CONFLICTS
from payments.errors import UnknownSchedule
from payments.services import check_in_lists, check_in_state, check_ins
from payments.services.check_in_schedules import require_schedule, shows_of_today
from payments.services.guests import MOST_GUESTS, find_guests

PERMISSION = "payments.check_in_ticket"
# The show and the gate that were chosen on this phone: "<schedule>:<gate>".
COOKIE = "check-in"
COOKIE_SECONDS = 24 * 3600
LONGEST_GATE = 50
RECENT = 30
REASONS = {
    "phone": gettext_lazy("The phone does not work"),
    "code": gettext_lazy("The code cannot be read"),
    "forgotten": gettext_lazy("The ticket was left at home; checked by a document"),
}
UNDO_REASONS = {
    "mistake": gettext_lazy("Scanned by mistake"),
    "person": gettext_lazy("Another person's ticket"),
    "left": gettext_lazy("The holder went out again"),
}

View = Callable[..., HttpResponse]


@dataclass(frozen=True)
class Entrance:
    """The show and the gate that this phone scans for."""

    schedule: ConcertSchedule
    gate: str


def for_check_in_staff(view: View) -> View:
    @login_required
    @wraps(view)
    def checked(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not (request.user.is_staff and request.user.has_perm(PERMISSION)):
            raise PermissionDenied
        return view(request, *args, **kwargs)

    checked.permissions = (PERMISSION,)  # type: ignore[attr-defined]
    return checked


def at_an_entrance(view: View) -> View:
    """Adds the chosen show and gate; without them the page to choose them is shown first."""

    @for_check_in_staff
    @wraps(view)
    def chosen(request: MemberRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        entrance = _entrance(request)
        if entrance is None:
            return redirect("check_in_show")
        return view(request, entrance, *args, **kwargs)

    return chosen


def _entrance(request: MemberRequest) -> Entrance | None:
    key, _colon, gate = (request.get_signed_cookie(COOKIE, default="") or "").partition(":")
    if not key:
        return None
    try:
        return Entrance(require_schedule(schedule_id=parse_uuid(key), by=request.user), gate)
    except UnknownSchedule:
        return None


@at_an_entrance
@require_safe
def scanner(request: MemberRequest, entrance: Entrance) -> HttpResponse:
    return _show_scanner(request, entrance)


def _show_scanner(
    request: MemberRequest, entrance: Entrance, verdict: Verdict | None = None
) -> HttpResponse:
    schedule = entrance.schedule
    context = {
        "entrance": entrance,
        "verdict": verdict,
        "counts": check_in_state.counts(schedule_id=schedule.pk),
        "script": {
            "user": _owner(request),
            "schedule": str(schedule.pk),
            "gate": entrance.gate,
            "key": check_in_lists.public_key(),
            "worker": reverse("check_in_worker"),
            "checkIn": reverse("check_ins"),
            "list": reverse("check_in_list", args=[schedule.pk]),
            "state": reverse("check_in_state", args=[schedule.pk]),
            "scans": reverse("synced_scans", args=[schedule.pk]),
            "undo": reverse("check_in_undo", args=[uuid.UUID(int=0)]),
            "words": script_words()
            | {"reasons": {code: str(CONFLICTS[code]) for code in CONFLICTS}},
        },
    }
    response = render(request, "operations/check_in/scanner.html", context)
    # The service worker keeps this page, and no other.
    response["Check-In-Page"] = _owner(request)
    return response


def _owner(request: MemberRequest) -> str:
    """Tells users of one phone apart, without their id."""
    return salted_hmac(__name__, str(request.user.pk)).hexdigest()[:16]


@for_check_in_staff
@require_http_methods(["GET", "HEAD", "POST"])
def choose_show(request: MemberRequest) -> HttpResponse:
    """Choose the show and the gate, once for a day."""
    shows = shows_of_today(by=request.user)
    chosen = request.POST.get("show", "")
    if any(str(show.pk) == chosen for show in shows):
        response = redirect("check_in")
        gate = request.POST.get("gate", "").strip()[:LONGEST_GATE]
        response.set_signed_cookie(
            COOKIE,
            f"{chosen}:{gate}",
            max_age=COOKIE_SECONDS,
            path=reverse("check_in"),
            secure=settings.SESSION_COOKIE_SECURE,
            httponly=True,
            samesite="Lax",
        )
        return response
    now_chosen = _entrance(request)
    context = {"shows": shows, "chosen": now_chosen, "gates": "ABCD"}
    return render(request, "operations/check_in/show.html", context)


@at_an_entrance
@require_http_methods(["GET", "HEAD", "POST"])
def scan(request: MemberRequest, entrance: Entrance) -> HttpResponse:
    """A code that was sent by the form: a hand scanner, without JavaScript."""
    code = request.POST.get("code", "").strip()
    if not code:
        return redirect("check_in")
    return _show_scanner(
        request,
        entrance,
        _verdict_of(
            lambda: check_ins.check_in(
                code=code,
                schedule_id=entrance.schedule.pk,
                gate=entrance.gate,
                by=request.user,
            )
        ),
    )


def _verdict_of(act: Callable[[], Any]) -> Verdict:
    try:
        return admitted(act())
    except DomainError as refusal:
        return refused(refusal)


@at_an_entrance
@require_http_methods(["GET", "HEAD", "POST"])
def guests(request: MemberRequest, entrance: Entrance) -> HttpResponse:
    """Search a holder by name, and let in without a code."""
    if request.method == "POST":
        return _show_scanner(request, entrance, _admit_by_hand(request, entrance))
    words = request.GET.get("name", "")
    schedule_id = entrance.schedule.pk
    found = find_guests(schedule_id=schedule_id, words=words, by=request.user)
    context = {
        "entrance": entrance,
        "words": words,
        "tickets": found,
        "is_cut": len(found) == MOST_GUESTS,
        "reasons": REASONS,
    }
    return render(request, "operations/check_in/guests.html", context)


def _admit_by_hand(request: MemberRequest, entrance: Entrance) -> Verdict:
    return _verdict_of(
        lambda: check_ins.check_in_by_hand(
            ticket_id=_ticket_id(request),
            schedule_id=entrance.schedule.pk,
            gate=entrance.gate,
            by=request.user,
            reason=_reason(request, REASONS),
        )
    )


def _ticket_id(request: HttpRequest) -> uuid.UUID:
    try:
        return parse_uuid(request.POST.get("ticket"))
    except ValueError:
        return uuid.UUID(int=0)


def _reason(request: HttpRequest, reasons: dict[str, Any]) -> str:
    """What was typed, else what was chosen; "" for neither."""
    typed = request.POST.get("note", "").strip()[:200]
    return typed or str(reasons.get(request.POST.get("reason", ""), ""))


@at_an_entrance
@require_safe
def recent(request: MemberRequest, entrance: Entrance) -> HttpResponse:
    """What this member of the staff has let in last, to undo a mistake."""
    mine = check_in_state.recent_check_ins(
        schedule_id=entrance.schedule.pk, by=request.user, most=RECENT
    )
    context = {"entrance": entrance, "check_ins": mine}
    return render(request, "operations/check_in/recent.html", context)


@at_an_entrance
@require_safe
def conflicts(request: MemberRequest, entrance: Entrance) -> HttpResponse:
    found = check_in_state.conflicts_of(schedule_id=entrance.schedule.pk)
    shown = [{"conflict": each, "words": CONFLICTS.get(each.code, each.code)} for each in found]
    context = {"entrance": entrance, "conflicts": shown}
    return render(request, "operations/check_in/conflicts.html", context)


@at_an_entrance
@require_http_methods(["GET", "HEAD", "POST"])
def undo(request: MemberRequest, entrance: Entrance, check_in_id: uuid.UUID) -> HttpResponse:
    if request.method == "POST":
        check_ins.undo_check_in(
            check_in_id=check_in_id, by=request.user, reason=_reason(request, UNDO_REASONS)
        )
        messages.success(request, _("Undone: the ticket is valid again."))
        return redirect("check_in_recent")
    check_in = check_ins.get_check_in(check_in_id=check_in_id, schedule_id=entrance.schedule.pk)
    context = {"entrance": entrance, "check_in": check_in, "reasons": UNDO_REASONS}
    return render(request, "operations/check_in/undo.html", context)


@require_safe
def manifest(request: HttpRequest) -> HttpResponse:
    """The page as an app on a home screen."""
    template = "operations/check_in/site.webmanifest"
    return render(request, template, content_type="application/manifest+json")


@require_safe
def service_worker(request: HttpRequest) -> HttpResponse:
    """At an address below which all its pages are."""
    return HttpResponse(_service_worker(), content_type="text/javascript")


@cache
def _service_worker() -> bytes:
    return (settings.BASE_DIR / "static/js/check-in-worker.js").read_bytes()
