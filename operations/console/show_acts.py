"""The acts on a show: each page says what the act will do, asks why, and does it."""

import uuid
from typing import Any, cast

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, ngettext

from accounts.errors import IdempotencyKeyReused
from accounts.idempotent_forms import ONCE, FormTooOld, form_once, new_key, old_form, sent_before
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore
from concertbook.db.clock import database_now
from concertbook.templatetags.times import when_text
from concerts.models import Concert, ConcertSchedule
from concerts.refund_policy import is_moved
from concerts.services.publication import publish_show, take_back
from concerts.services.schedule_moves import MovedTimes, move_schedule, plan_move
from concerts.services.show_checks import check_show
from concerts.services.show_dates import copy_date
from operations.console.page import Context, console_page
from operations.console.show_forms import (
    DatesForm,
    MoveForm,
    NewTimeForm,
    PublishForm,
    ReasonForm,
)
from operations.console.shows import COPY, MOVE, PUBLISH, WORDS, get_show
from payments.services.move_news import count_holders

TEMPLATE = "operations/console/act.html"


@console_page(permission=PUBLISH, template=TEMPLATE)
def publish(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse | Context:
    show = get_show(request, concert_id)
    form = PublishForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            done = publish_show(
                concert_id=show.pk, actor=cast(User, request.user), **form.cleaned_data
            )
        except ValidationError as refusal:
            form.add_error(None, refusal)
        else:
            is_planned = form.cleaned_data["at"] is not None
            planned = gettext("The publication is planned.")
            _tell(request, done, planned if is_planned else gettext("The show is published."))
            return redirect("console:show", show.pk)
    return {
        **_asked(show, gettext("Publish the show?"), gettext("Publish")),
        "sentences": _of_publication(show),
        "form": form,
    }


def _of_publication(show: Concert) -> list[str]:
    said = [gettext("From then on every visitor finds it in the programme, and it stays public.")]
    if opens_at := show.waiting_room.opens_at:
        opens = gettext("Its waiting room opens by itself at {at}.")
        said.append(opens.format(at=when_text(opens_at)))
    for point in check_show(show, database_now()):
        if point.is_needed and not point.is_met:
            said.append(gettext("Not met: {point}").format(point=WORDS[point.name]))
    return said


@console_page(permission=PUBLISH, template=TEMPLATE)
def back_to_draft(request: HttpRequest, concert_id: uuid.UUID) -> HttpResponse | Context:
    show = get_show(request, concert_id)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        done = take_back(
            concert_id=show.pk, actor=cast(User, request.user), reason=form.cleaned_data["reason"]
        )
        _tell(request, done, gettext("It is a draft again."))
        return redirect("console:show", show.pk)
    return {
        **_asked(show, gettext("Make it a draft again?"), gettext("Back to draft")),
        "sentences": [gettext("It is not published at the planned time. Nothing else changes.")],
        "form": form,
    }


def _tell(request: HttpRequest, done: bool, said: str) -> None:
    if done:
        messages.success(request, said)
    else:
        messages.info(request, gettext("Nothing was changed: its state is another one meanwhile."))


def _asked(show: Concert, question: str, button: str) -> dict[str, Any]:
    return {
        "title": show.title,
        "question": question,
        "button": button,
        "tone": "primary",
        "is_sensible": True,
        "back": reverse("console:show", args=[show.pk]),
    }


@console_page(permission=COPY, template=TEMPLATE)
def add_dates(request: HttpRequest, concert_id: uuid.UUID, schedule_id: uuid.UUID) -> Any:
    """More dates, with the rules and the seats of this one."""
    show, schedule = _get(request, concert_id, schedule_id)
    form = DatesForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            added = copy_date(
                schedule_id=schedule.pk,
                starts=form.starts(),
                actor=cast(User, request.user),
                once=form_once(request, f"copy {schedule.pk}"),
            )
        except ValidationError as refusal:
            form.add_error(None, refusal)
        except FormTooOld:
            form.add_error(None, old_form())
        except IdempotencyKeyReused:
            form.add_error(None, sent_before())
        except AnsweredBefore:
            messages.info(request, gettext("This form was sent before: the dates were added once."))
            return redirect("console:show", show.pk)
        else:
            said = ngettext("%s date was added.", "%s dates were added.", len(added)) % len(added)
            messages.success(request, said)
            return redirect("console:show", show.pk)
    return {
        **_asked(show, gettext("Add dates?"), gettext("Add dates")),
        "sentences": _of_copies(schedule),
        "form": form,
        "hidden_inputs": {ONCE: new_key()},
    }


def _of_copies(schedule: ConcertSchedule) -> list[str]:
    seats = ngettext(
        "Each new date has the %(n)s seat of %(at)s, with its price.",
        "Each new date has the %(n)s seats of %(at)s, with their prices.",
        schedule.seat_quantity,
    ) % {"n": f"{schedule.seat_quantity:,}", "at": when_text(schedule.start_at)}
    opens = gettext(
        "Their sales open at {at}, and close as long before the start as its sale does."
    )
    return [seats, opens.format(at=when_text(schedule.reserve_from))]


@console_page(permission=MOVE, template=TEMPLATE)
def move(request: HttpRequest, concert_id: uuid.UUID, schedule_id: uuid.UUID) -> Any:
    """Asks for the new time, then once whether to move."""
    show, schedule = _get(request, concert_id, schedule_id)
    sent = request.POST if request.method == "POST" else request.GET
    asked = NewTimeForm(
        sent if "start_at" in sent else None, initial={"start_at": schedule.start_at}
    )
    times = _planned(schedule, asked)
    if times is None:
        now_at = gettext("It starts at {at}.").format(at=when_text(schedule.start_at))
        page = _asked(show, gettext("Move the date?"), gettext("Go on"))
        return {**page, "sentences": [now_at], "form": asked, "method": "get"}
    form = MoveForm(
        request.POST if request.method == "POST" else None, initial={"start_at": times.start_at}
    )
    if form.is_valid() and _moved(request, schedule, form):
        return redirect("console:show", show.pk)
    return {
        **_asked(show, gettext("Move the date?"), gettext("Move and tell the ticket holders")),
        "sentences": _of_move(schedule, times),
        "form": form,
    }


def _moved(request: HttpRequest, schedule: ConcertSchedule, form: MoveForm) -> bool:
    try:
        move_schedule(schedule_id=schedule.pk, actor=cast(User, request.user), **form.cleaned_data)
    except ValidationError as refusal:
        form.add_error(None, list(refusal.messages))
        return False
    messages.success(request, gettext("The date is moved. Its ticket holders are told."))
    return True


def _planned(schedule: ConcertSchedule, form: NewTimeForm) -> MovedTimes | None:
    """What the move in the form would make of the date; None, with its error, for none."""
    if not form.is_valid():
        return None
    try:
        return plan_move(schedule, start_at=form.cleaned_data["start_at"], now=database_now())
    except ValidationError as refusal:
        form.add_error(None, refusal)
        return None


def _of_move(schedule: ConcertSchedule, times: MovedTimes) -> list[str]:
    holders = count_holders(schedule.pk)
    told = ngettext(
        "%(n)s ticket holder gets a mail with the new time.",
        "%(n)s ticket holders get a mail with the new time.",
        holders,
    ) % {"n": f"{holders:,}"}
    said = [
        gettext("It starts at {new} instead of {old}, and ends at {end}.").format(
            new=when_text(times.start_at),
            old=when_text(schedule.start_at),
            end=when_text(times.end_at),
        ),
        gettext("Its sale closes at {at}. All tickets stay valid and show the new time.").format(
            at=when_text(times.reserve_until)
        ),
        gettext("The run of the concert is adjusted to its dates."),
        told,
    ]
    if is_moved(sold_for=schedule.moved_from or schedule.start_at, start_at=times.start_at):
        said.append(gettext("It is another day: cancelling is free for them until it begins."))
    return said


def _get(
    request: HttpRequest, concert_id: uuid.UUID, schedule_id: uuid.UUID
) -> tuple[Concert, ConcertSchedule]:
    show = get_show(request, concert_id)
    schedule = show.schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise Http404
    return show, schedule
