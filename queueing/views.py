"""The pages of the waiting room: join, wait, leave."""

import re
import uuid
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls.converters import SlugConverter
from django.utils import translation
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts import push
from accounts.credentials import give_credential
from accounts.requests import MemberRequest
from concertbook.db.clock import seconds_until
from concertbook.errors import DomainError
from concertbook.http.after_log_in import acts_after_log_in, is_sent
from concertbook.http.client_address import client_address
from concertbook.http.languages import CODES, public_page
from concertbook.http.purchase_hint import drop_hint, hint_admission
from concertbook.http.redirects import next_page
from concertbook.http.same_origin import same_origin_form
from queueing.models import QueueToken, WaitingRoom
from queueing.services import draw_results, endings, join_and_leave, polling
from queueing.services.queue_position import QueuePosition

# Without JavaScript the whole page is asked for again: no oftener than a person can read it.
REFRESH_SECONDS = 5
COOKIE_SECONDS = 24 * 3600
SLUG = re.compile(SlugConverter.regex)


@same_origin_form
@acts_after_log_in
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def waiting_room(request: MemberRequest, slug: str) -> HttpResponse:
    if is_sent(request):
        return _join(request, slug)
    room = join_and_leave.get_room(slug, viewer=request.user)
    found = polling.find_position(
        user=request.user, room=room, address=client_address(request.META)
    )
    if found is None:
        return render(request, "queueing/room.html", _outside(request, room))
    response = _show(request, "queueing/room.html", room, found)
    give_credential(request, response)
    return response


def _join(request: MemberRequest, slug: str) -> HttpResponse:
    place, _joined = join_and_leave.join(
        user=request.user, slug=slug, address=client_address(request.META)
    )
    inside = place.status == QueueToken.Status.ACTIVE
    if inside:
        hint_admission(request, next_page(request))
    return redirect((inside and next_page(request)) or request.get_full_path())


@login_required
@require_safe
def position(request: MemberRequest, token: uuid.UUID) -> HttpResponse:
    """The part of the waiting room that changes with the place's and the room's state."""
    address = client_address(request.META)
    found = polling.get_position(user=request.user, token=token, address=address)
    room = join_and_leave.get_room(found.room, viewer=request.user)
    return _show(request, "queueing/position.html", room, found)


def _outside(request: MemberRequest, room: WaitingRoom) -> dict[str, object]:
    outcome = endings.how_it_ended(user=request.user, room=room)
    opens_in = _opens_in(room)
    return {
        "room": room,
        "place": None,
        "outcome": outcome,
        "next": next_page(request),
        "opens_in_seconds": opens_in,
        # The page is loaded again by then.
        "changes_in": opens_in,
    }


def _opens_in(room: WaitingRoom) -> int:
    """Seconds, 0 for a room that is open or closed."""
    is_scheduled = room.state == WaitingRoom.State.SCHEDULED
    return seconds_until(room.opens_at, room.read_at) if is_scheduled else 0  # type: ignore[attr-defined]


def _show(
    request: MemberRequest, template: str, room: WaitingRoom, found: QueuePosition
) -> HttpResponse:
    first_ahead = _first_ahead(request, room, found)
    context: dict[str, Any] = {
        "room": room,
        "place": found,
        "outcome": _outcome(request, room, found),
        "next": next_page(request),
        "first_ahead": first_ahead,
        "gone": first_ahead - found.ahead,
        "odds": _odds(found),
        "opens_in_seconds": _opens_in(room),
        "is_next": _line_moves(room, found) and not found.ahead,
        "push_key": push.public_key(),
        "refresh_seconds": max(REFRESH_SECONDS, found.poll_after_seconds),
    }
    if found.status == QueueToken.Status.ACTIVE:
        hint_admission(request, context["next"])
    response = render(request, template, context)
    if _line_moves(room, found):
        _remember_first_ahead(response, room, found, first_ahead)
    return response


def _outcome(request: MemberRequest, room: WaitingRoom, found: QueuePosition) -> str:
    if found.status != QueueToken.Status.EXPIRED:
        return ""
    return endings.how_it_ended(user=request.user, room=room, token=found.token)


def _line_moves(room: WaitingRoom, found: QueuePosition) -> bool:
    """Before the opening no one gets ahead, and before the draw there are no numbers."""
    undrawn: bool = room.undrawn  # type: ignore[attr-defined]
    is_fixed = undrawn or found.room_state == WaitingRoom.State.SCHEDULED
    return found.status == QueueToken.Status.WAITING and not is_fixed


def _first_ahead(request: MemberRequest, room: WaitingRoom, found: QueuePosition) -> int:
    """How many were ahead when the page first showed this place: there the progress begins."""
    seen = request.get_signed_cookie(_cookie(room), default="0", salt=str(found.token))
    return max(int(seen or 0), found.ahead)


def _remember_first_ahead(
    response: HttpResponse, room: WaitingRoom, found: QueuePosition, first_ahead: int
) -> None:
    response.set_signed_cookie(
        _cookie(room),
        str(first_ahead),
        salt=str(found.token),
        max_age=COOKIE_SECONDS,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _cookie(room: WaitingRoom) -> str:
    return f"line-{room.pk}"


def _odds(found: QueuePosition) -> str:
    """Whether to say that the seats may not last: ``none`` left, ``few``, or nothing to say."""
    if found.seats_left is None or found.ahead <= found.seats_left > 0:
        return ""
    return "few" if found.seats_left else "none"


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def leave(request: MemberRequest, token: uuid.UUID) -> HttpResponse:
    if request.method != "POST":
        return _ask_whether_to_leave(request, token)
    join_and_leave.leave(user=request.user, token=token)
    drop_hint(request)
    messages.success(request, _("You have left the line."))
    return redirect(public_page(request, "concert_list"))


def _ask_whether_to_leave(request: MemberRequest, token: uuid.UUID) -> HttpResponse:
    """Without JavaScript; also after a log-in, when the session was over as the form was sent."""
    address = client_address(request.META)
    found = polling.get_position(user=request.user, token=token, address=address)
    if found.status == QueueToken.Status.EXPIRED:
        return redirect("waiting_room", found.room)
    room = join_and_leave.get_room(found.room, viewer=request.user)
    return render(request, "queueing/leaving.html", {"room": room, "place": found})


@require_safe
def draw(request: HttpRequest, slug: str) -> HttpResponse:
    """Public: how the order at the opening is, or was, drawn."""
    found = draw_results.get_draw(slug=slug)
    return render(request, "queueing/draw.html", {"draw": found, "room": found.room})


@login_required
@require_safe
def lot(request: MemberRequest, slug: str) -> HttpResponse:
    found = draw_results.get_draw(slug=slug)
    mine = draw_results.find_lot(user=request.user, draw=found)
    return render(request, "queueing/lot.html", {"draw": found, "room": found.room, "lot": mine})


@require_safe
def visitor(request: HttpRequest) -> HttpResponse:
    """What is personal on a public page: parts that replace those of the same id (visitor.js).

    ``page`` is the public page's address, ``language`` its language, ``room`` the room to which it
    leads, if any.
    """
    language = request.GET.get("language", "")
    with translation.override(language if language in CODES else translation.get_language()):
        response = render(
            request,
            "visitor.html",
            {"public_address": _path(request.GET.get("page", "")), **_my_position(request)},
        )
        response["Content-Language"] = translation.get_language() or settings.LANGUAGE_CODE
    return response


def _path(page: str) -> str:
    is_ours = page.startswith("/") and url_has_allowed_host_and_scheme(page, allowed_hosts=None)
    return page if is_ours else "/"


def _my_position(request: HttpRequest) -> dict[str, object]:
    slug = request.GET.get("room", "")
    user = request.user
    if not (SLUG.fullmatch(slug) and user.is_authenticated):
        return {}
    try:
        room = join_and_leave.get_room(slug, viewer=user)
        found = polling.find_position(user=user, room=room, address=client_address(request.META))
    except DomainError:
        # The name and the balance are shown all the same.
        return {}
    if found is None or found.status == QueueToken.Status.EXPIRED:
        return {}
    if found.status == QueueToken.Status.ACTIVE:
        hint_admission(request, "")
    return {"room": room, "place": found, "is_next": _line_moves(room, found) and not found.ahead}
