"""The acts of the board: each page says what the act will do, asks why, and does it."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concerts.models import ConcertSchedule
from concerts.services.sale_stop import preview_of_stop, stop_sale
from concerts.services.staff_concerts import limit, works_for
from operations.console.board import ACTS_IN_STATE, CONTROL, PATH, STOP_SALE
from operations.console.page import Context, console_page
from queueing.models import WaitingRoom
from queueing.services import room_previews, rooms

TEMPLATE = "operations/console/act.html"
MOST = 1_000_000


class ReasonForm(forms.Form):
    """Why: it is in the log."""

    reason = forms.CharField(label=_("Why"), required=False, max_length=200)

    def __init__(self, *args: Any, room: WaitingRoom | None = None, **kwargs: Any) -> None:
        self.room = room
        super().__init__(*args, **kwargs)
        self.label_suffix = ""


class PaceForm(ReasonForm):
    admit_per_minute = forms.IntegerField(
        label=_("admitted per minute"), min_value=1, max_value=MOST
    )
    capacity = forms.IntegerField(label=_("People inside at once"), min_value=1, max_value=MOST)
    field_order = ("admit_per_minute", "capacity", "reason")


class CloseForm(ReasonForm):
    """The room's name is typed, so that a line is not ended by a slip of the hand."""

    name = forms.CharField(label=_("Type the name of the room"), max_length=200)
    field_order = ("name", "reason")

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"])
        if self.room and name.strip() != self.room.title.strip():
            raise forms.ValidationError(_("This is not the room's name."))
        return name


class MessageForm(ReasonForm):
    ko = forms.CharField(
        label=_("Korean"), required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 3})
    )
    en = forms.CharField(
        label=_("English"), required=False, max_length=300, widget=forms.Textarea(attrs={"rows": 3})
    )
    field_order = ("ko", "en", "reason")


@dataclass(frozen=True)
class Act:
    """``preview`` says in sentences what ``service`` will do with the form's values."""

    title: Any
    button: Any
    done: Any
    preview: Callable[..., list[str]]
    service: Callable[..., Any]
    form: type[ReasonForm] = ReasonForm
    tone: str = "primary"


ACTS = {
    "open": Act(
        _("Open the waiting room?"),
        _("Open"),
        _("The room is open."),
        room_previews.of_open,
        rooms.open_room,
    ),
    "pause": Act(
        _("Pause the waiting room?"),
        _("Pause"),
        _("The room is paused."),
        room_previews.of_pause,
        rooms.pause_room,
    ),
    "pace": Act(
        _("Slow the waiting room down, or speed it up?"),
        _("Set the pace"),
        _("The pace is set."),
        room_previews.of_pace,
        rooms.set_pace,
        form=PaceForm,
    ),
    "drain": Act(
        _("Drain the waiting room?"),
        _("Drain"),
        _("The room takes no more buyers."),
        room_previews.of_drain,
        rooms.drain_room,
    ),
    "close": Act(
        _("Close the waiting room?"),
        _("Close the room"),
        _("The room is closed."),
        room_previews.of_close,
        rooms.close_room,
        form=CloseForm,
        tone="danger",
    ),
    "message": Act(
        _("A message to all who wait"),
        _("Show the message"),
        _("The message is set."),
        room_previews.of_message,
        rooms.tell_line,
        form=MessageForm,
    ),
}


@console_page(permission=CONTROL, template=TEMPLATE)
def act_on_room(request: HttpRequest, room_id: int, act: str) -> HttpResponse | Context:
    """Ask, and act once the form is sent; refused when the room's state has changed since."""
    if act not in ACTS:
        raise Http404
    if not limit(request.user, WaitingRoom.objects.filter(pk=room_id), PATH).exists():
        raise Http404
    room = room_previews.counted_room(room_id)
    chosen = ACTS[act]
    stale = request.method == "POST" and request.POST.get("state") != room.state
    form = _form(request, chosen, room)
    if request.method == "POST" and not stale and form.is_valid():
        values = {name: value for name, value in form.cleaned_data.items() if name != "name"}
        chosen.service(room_id=room.pk, actor=cast(User, request.user), **values)
        messages.success(request, chosen.done)
        return redirect("console:board_room", room.pk)
    if stale:
        form.add_error(None, gettext("The room's state has changed meanwhile. Please look again."))
    return {
        "title": room.title,
        "act": act,
        "question": chosen.title,
        "button": chosen.button,
        "tone": chosen.tone,
        "sentences": _sentences(chosen, room, form),
        "form": form,
        "back": reverse("console:board_room", args=[room.pk]),
        "state": room.state,
        "steps": _steps(room) if act == "pace" else (),
        "is_sensible": act in ACTS_IN_STATE[room.state],
    }


def _form(request: HttpRequest, act: Act, room: WaitingRoom) -> ReasonForm:
    if request.method == "POST":
        return act.form(request.POST, room=room)
    asked = {name: request.GET[name] for name in ("admit_per_minute",) if name in request.GET}
    initial = {
        "admit_per_minute": room.admit_per_minute,
        "capacity": room.capacity,
        "ko": room.message_ko,
        "en": room.message_en,
        **asked,
    }
    return act.form(initial=initial, room=room)


def _sentences(act: Act, room: WaitingRoom, form: ReasonForm) -> list[str]:
    if act.form is not PaceForm:
        return act.preview(room)
    pace = {name: _asked(form, room, name) for name in ("admit_per_minute", "capacity")}
    return act.preview(room, **pace)


def _asked(form: ReasonForm, room: WaitingRoom, name: str) -> int:
    """The figure in the form, or the room's own where there is none."""
    text = str(form[name].value() or "")[:9]
    return int(text) if text.isdecimal() and int(text) else int(getattr(room, name))


def _steps(room: WaitingRoom) -> list[tuple[str, int]]:
    """The pace a tenth slower and faster."""
    pace = room.admit_per_minute
    tenth = max(1, round(pace / 10))
    return [("−10 %", max(1, pace - tenth)), ("+10 %", pace + tenth)]


@console_page(permission=STOP_SALE, template=TEMPLATE)
def stop_sale_of_date(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse | Context:
    schedule = (
        ConcertSchedule.objects.select_related("concert__waiting_room")
        .filter(pk=schedule_id)
        .first()
    )
    if schedule is None or not works_for(request.user, schedule.concert_id):
        raise Http404
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        reason = form.cleaned_data["reason"]
        stop_sale(schedule_id=schedule.pk, actor=cast(User, request.user), reason=reason)
        messages.success(request, gettext("The sale of this date stops in ten seconds."))
        return redirect("console:board_room", schedule.concert.waiting_room_id)
    return {
        "title": str(schedule),
        "act": "stop",
        "question": gettext("Stop the sale of this date?"),
        "button": gettext("Stop the sale"),
        "tone": "danger",
        "sentences": preview_of_stop(schedule),
        "form": form,
        "back": reverse("console:board_room", args=[schedule.concert.waiting_room_id]),
        "is_sensible": True,
    }
