"""The waiting room: my number, how long, and the door."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from accounts.passes import give_pass
from accounts.views import MemberRequest, next_page
from concertbook.addresses import client_address
from queueing.models import QueueToken
from queueing.services import draw as draws
from queueing.services import places, polling


@never_cache
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def waiting_room(request: MemberRequest, slug: str) -> HttpResponse:
    if request.method == "POST":
        return _join(request, slug)
    room = places.get_room(slug)
    place = polling.find_place(user=request.user, room=room, address=client_address(request.META))
    context = {"room": room, "place": place, "next": next_page(request)}
    response = render(request, "queueing/room.html", context)
    if place is not None:
        give_pass(request, response, path="/api/v1/queue-tokens/")
    return response


def _join(request: MemberRequest, slug: str) -> HttpResponse:
    place, _joined = places.join(user=request.user, slug=slug, address=client_address(request.META))
    inside = place.status == QueueToken.Status.ACTIVE
    return redirect((inside and next_page(request)) or request.get_full_path())


@never_cache
@login_required
@require_safe
def place(request: MemberRequest, token: uuid.UUID) -> HttpResponse:
    """The part of the waiting room that asks for itself again and again."""
    found = polling.get_position(
        user=request.user, token=token, address=client_address(request.META)
    )
    context = {"room": places.get_room(found.room), "place": found, "next": next_page(request)}
    return render(request, "queueing/place.html", context)


@login_required
@require_POST
def leave(request: MemberRequest, token: uuid.UUID) -> HttpResponse:
    places.leave(user=request.user, token=token)
    messages.success(request, _("You have left the line."))
    return redirect("concert_list")


@never_cache
@require_safe
def draw(request: HttpRequest, slug: str) -> HttpResponse:
    """For everybody: how the order at the opening is, or was, drawn."""
    found = draws.get_draw(slug=slug)
    user = request.user
    lot = draws.find_lot(user=user, draw=found) if user.is_authenticated else None
    return render(request, "queueing/draw.html", {"draw": found, "room": found.room, "lot": lot})
