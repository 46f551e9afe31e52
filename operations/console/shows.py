"""Shows from the draft to their publication: the list, a new show, its page, and its preview."""

import datetime as dt
import json
import uuid
from typing import Any, cast

from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, F, Min, QuerySet, Sum
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.errors import IdempotencyKeyReused
from accounts.idempotent_forms import ONCE, FormTooOld, form_once, new_key, old_form, sent_before
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore
from concertbook.db.clock import database_now
from concertbook.http.page_numbers import page_of
from concerts.concert_page import context_of
from concerts.models import Concert, ConcertSchedule
from concerts.services.programme import get_any_concert
from concerts.services.publication import Publication, publication_of
from concerts.services.show_checks import Point, check_show
from concerts.services.show_creation import create_show
from concerts.services.staff_concerts import is_limited, limit
from operations.console.page import Context, console_page
from operations.console.show_forms import HallFormSet, SaleForm, ShowForm, usual_opening

SEE = "concerts.view_concert"
MAKE = (SEE, "concerts.add_concert", "concerts.add_concertschedule", "queueing.add_waitingroom")
PUBLISH = (SEE, "concerts.change_concert", "queueing.change_waitingroom")
MOVE = (SEE, "concerts.change_concertschedule")
COPY = (SEE, "concerts.add_concertschedule")
ACTS = {
    "make": MAKE,
    "publish": PUBLISH,
    "edit": (SEE, "concerts.change_concert"),
    "move": MOVE,
    "copy": COPY,
}
TONES = {Publication.DRAFT: "warn", Publication.PLANNED: "info", Publication.PUBLIC: "good"}
# The first block of seats and one more are shown at once.
BLOCKS_SHOWN = 2


@console_page(permission=SEE, title=_("Shows"), template="operations/console/shows.html")
def show_list(request: HttpRequest) -> Context:
    """Drafts first, then the last published."""
    now = database_now()
    shows = shows_of(request).annotate(
        dates=Count("schedules"),
        seats=Sum("schedules__seat_quantity"),
        first=Min("schedules__start_at"),
    )
    newest = F("waiting_room__published_at").desc(nulls_first=True)
    page = page_of(request, shows.order_by(newest, "-created_at", "pk"))
    return {
        "page": page,
        "shows": [(show, *_state(show, now)) for show in page],
        "may_make": "make" in _may(request) and not is_limited(request.user),
    }


def shows_of(request: HttpRequest) -> QuerySet[Any]:
    """The real shows, drafts too, of the concerts that the reader works for."""
    real = Concert.objects.filter(waiting_room__rehearsal="").select_related("waiting_room")
    return limit(request.user, real, "pk")


def get_show(request: HttpRequest, concert_id: uuid.UUID) -> Concert:
    """Raises Http404, also for a concert that the reader does not work for."""
    show: Concert | None = shows_of(request).filter(pk=concert_id).first()
    if show is None:
        raise Http404
    return show


def _may(request: HttpRequest) -> set[str]:
    """The acts that are offered; each has its permission at its own address."""
    return {act for act, needed in ACTS.items() if request.user.has_perms(needed)}


def _state(show: Concert, now: dt.datetime) -> tuple[Publication, str]:
    state = publication_of(show, now)
    return state, TONES[state]


@console_page(permission=MAKE, title=_("New show"), template="operations/console/new_show.html")
def new_show(request: HttpRequest) -> HttpResponse | Context:
    if is_limited(request.user):
        # It would be none of theirs.
        raise PermissionDenied
    sent = (request.POST, request.FILES) if request.method == "POST" else (None, None)
    form = ShowForm(*sent)
    initial = {"opens_at": usual_opening()}
    sale = SaleForm(sent[0], user=cast(User, request.user), initial=initial)
    blocks = HallFormSet(sent[0], prefix="blocks", form_kwargs={"label_suffix": ""})
    if all([form.is_valid(), sale.is_valid(), blocks.is_valid()]):
        try:
            return redirect("console:show", _create(request, form, sale, blocks))
        except ValidationError as refusal:
            sale.add_error(None, refusal)
        except FormTooOld:
            sale.add_error(None, old_form())
        except IdempotencyKeyReused:
            sale.add_error(None, sent_before())
    return {
        "form": form,
        "sale": sale,
        "blocks": blocks,
        "first": [form[name] for name in form.FIRST],
        "poster": [form[name] for name in form.POSTER],
        "more": [form[name] for name in form.MORE],
        "dates": [sale[name] for name in sale.DATES],
        "plan": [sale["plan_of"]],
        "room": [sale[name] for name in sale.ROOM],
        "blocks_shown": BLOCKS_SHOWN,
        "hidden_inputs": {ONCE: new_key()},
    }


def _create(request: HttpRequest, form: ShowForm, sale: SaleForm, blocks: Any) -> str:
    """The key of the concert that the form made, now or when it was sent before."""
    try:
        concert = create_show(
            concert=form.instance,
            sale=sale.sale(blocks.blocks()),
            poster=form.cleaned_data["poster_file"],
            actor=cast(User, request.user),
            once=form_once(request, "new show"),
        )
    except AnsweredBefore as before:
        return str(json.loads(before.answer))
    return str(concert.pk)


@console_page(permission=SEE, template="operations/console/show.html")
def show_page(request: HttpRequest, concert_id: uuid.UUID) -> Context:
    show, now = get_show(request, concert_id), database_now()
    state, tone = _state(show, now)
    points = check_show(show, now)
    return {
        "title": show.title,
        "show": show,
        "state": state,
        "tone": tone,
        "points": [(point, WORDS[point.name], _where(show, point)) for point in points],
        "is_ready": all(point.is_met or not point.is_needed for point in points),
        "dates": [(date, date.start_at > now and not date.cancelled_at) for date in _dates(show)],
        "may": _may(request),
    }


def _dates(show: Concert) -> QuerySet[ConcertSchedule]:
    return show.schedules.order_by("start_at", "pk")


WORDS = {
    "has_dates": _("A date is to come."),
    "has_seats": _("Every date has seats."),
    "can_be_sold": _("The sale of no date is over."),
    "room_lets_in": _("The waiting room opens no earlier than the sales behind it."),
    "run_covers_dates": _("All dates are within the run that the concert announces."),
    "told_in_english": _("Title and venue have an English version."),
}


def _where(show: Concert, point: Point) -> str:
    """The page where a point that is not met can be set right."""
    if point.name == "room_lets_in":
        return reverse("admin:queueing_waitingroom_change", args=[show.waiting_room_id])
    if point.name == "has_seats":
        empty = show.schedules.filter(seat_quantity=0, cancelled_at=None).first()
        if empty is not None:
            return reverse("admin:concerts_concertschedule_generate", args=[empty.pk])
    return reverse("admin:concerts_concert_change", args=[show.pk])


@console_page(permission=SEE)
def preview(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse:
    """The concert's page as a buyer will see it."""
    show = get_any_concert(get_show(request, concert_id).pk)
    context = context_of(show, date=request.GET.get("date", ""))
    return render(request, "operations/console/show_preview.html", {**context, "is_preview": True})
