"""Waiting rooms: to open, pause, slow down, drain and close."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, ClassVar, cast

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import CharField, Form, HiddenInput, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.base_admin import Admin
from accounts.models import User
from concertbook.admin.columns import colored
from concertbook.admin.versions import VersionedDialog, row_locked
from queueing.models import WaitingRoom
from queueing.services import room_deletion, rooms
from queueing.services.room_counts import with_line_counts

STATE_COLORS = {
    "SCHEDULED": "info",
    "OPEN": "success",
    "PAUSED": "warning",
    "DRAINING": "warning",
    "CLOSED": "danger",
}


# The buttons that make sense; the state itself is turned by nothing else.
ACTIONS_IN_STATE = {
    "SCHEDULED": ("open_room", "pause_room", "set_pace", "close_room"),
    "OPEN": ("pause_room", "set_pace", "drain_room", "close_room"),
    "PAUSED": ("open_room", "set_pace", "drain_room", "close_room"),
    "DRAINING": ("open_room", "pause_room", "set_pace", "close_room"),
    "CLOSED": ("open_room",),
}
# Where a list of rooms stops counting each room's people.
MANY = 10_000


class RoomForm(ModelForm):  # type: ignore[type-arg]
    """The state is chosen once, with the new room; later it is changed by opening and closing."""

    def _get_validation_exclusions(self) -> set[str]:
        # A scheduled room needs its time even where the state is not in the form.
        return super()._get_validation_exclusions() - {"state"}  # type: ignore[misc, no-any-return]


class ReasonedDialog(VersionedDialog):
    """A dialog that changes a row and may say why, for the log."""

    reason = CharField(
        label=_("Why"), required=False, max_length=200, widget=UnfoldAdminTextInputWidget
    )


class StateDialog(ReasonedDialog):
    """Asks whether to change the state from what it is now."""

    class Meta:
        model = WaitingRoom
        fields = ("state",)
        widgets: ClassVar = {"state": HiddenInput}


class PaceDialog(ReasonedDialog):
    """The two figures by which a room is slowed or sped up, as they are now."""

    class Meta:
        model = WaitingRoom
        fields = ("admit_per_minute", "capacity")
        widgets: ClassVar = dict.fromkeys(fields, UnfoldAdminIntegerFieldWidget)

    def __init__(self, **kwargs: Any) -> None:
        # The room's own form, behind the dialog, has fields of the same names.
        super().__init__(**kwargs, auto_id="pace_%s")


def _room_id(object_id: Any) -> int:
    """The key in an address; what cannot be one is that of no room."""
    text = str(object_id)[:20]
    return int(text) if text.isdecimal() else 0


@admin.register(WaitingRoom)
class WaitingRoomAdmin(Admin):
    rehearsal_path = "rehearsal"
    concert_path = "concerts"
    form = RoomForm
    fieldsets = (
        (None, {"fields": ("title", "slug", "state", ("opens_at", "shuffle"))}),
        (
            _("Pace"),
            {"fields": (("capacity", "admit_per_minute"), ("active_seconds", "idle_seconds"))},
        ),
    )
    list_display = (
        "title",
        colored("state", _("state"), STATE_COLORS),
        "opens_at",
        "waiting",
        "active",
        "capacity",
        "admitted",
        "admit_per_minute",
    )
    list_filter = ("state",)
    search_fields = ("title", "slug")
    prepopulated_fields = {"slug": ("title",)}
    actions_detail = ("open_room", "pause_room", "set_pace", "drain_room", "close_room")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingRoom]:
        page = request.resolver_match and request.resolver_match.url_name
        up_to = None if page == "queueing_waitingroom_change" else MANY
        return with_line_counts(super().get_queryset(request), up_to=up_to)

    @admin.display(description=_("waiting"), ordering="waiting_count")
    def waiting(self, room: Any) -> str:
        return _people(room, room.waiting_count)

    @admin.display(description=_("inside"), ordering="active_count")
    def active(self, room: Any) -> str:
        return _people(room, room.active_count)

    @admin.display(description=_("admitted in the last minute"), ordering="admitted_count")
    def admitted(self, room: Any) -> str:
        return _people(room, room.admitted_count)

    def get_fieldsets(self, request: HttpRequest, obj: WaitingRoom | None = None) -> Any:
        counts = (_("Now"), {"fields": (("waiting", "active", "admitted"),)})
        first, *others = self.fieldsets
        return self.fieldsets if obj is None else (first, counts, *others)

    def get_readonly_fields(
        self, request: HttpRequest, obj: WaitingRoom | None = None
    ) -> Sequence[str]:
        if obj is None:
            return ()
        # Clients keep the slug as an address; the people in line were told whether lots are drawn.
        settled = ("shuffle",) if rooms.is_shuffle_settled(obj) else ()
        return ("state", "slug", "waiting", "active", "admitted", *settled)

    def has_delete_permission(self, request: HttpRequest, obj: WaitingRoom | None = None) -> bool:
        unused = obj is None or not room_deletion.in_use(WaitingRoom.objects.filter(pk=obj.pk))
        return unused and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What would go: a line may have a million people, and none of them is read for this."""
        chosen = WaitingRoom.objects.filter(pk__in=[room.pk for room in objs])
        kept = [
            gettext("%s: people came, or a concert belongs to it") % room
            for room in room_deletion.in_use(chosen)
        ]
        counts = {capfirst(WaitingRoom._meta.verbose_name_plural): len(objs)}
        may = self.has_delete_permission(request)
        return list(map(str, objs)), counts, set() if may else {self.opts.verbose_name}, kept

    def delete_model(self, request: HttpRequest, obj: WaitingRoom) -> None:
        room_deletion.delete_rooms(WaitingRoom.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[WaitingRoom]) -> None:
        room_deletion.delete_rooms(queryset)

    def get_prepopulated_fields(self, request: HttpRequest, obj: WaitingRoom | None = None) -> Any:
        return self.prepopulated_fields if obj is None else {}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[Any]:
        room = WaitingRoom.objects.filter(pk=_room_id(object_id)).first()
        sensible = () if room is None else ACTIONS_IN_STATE[room.state]
        allowed = super().get_actions_detail(request, object_id)
        return [each for each in allowed if each.path in sensible]

    @row_locked
    @action(  # type: ignore[untyped-decorator]
        description=_("Open"),
        permissions=["change"],
        icon="play_arrow",
        variant=ActionVariant.SUCCESS,
        dialog={
            "title": _("Open the waiting room?"),
            "description": _("People are let in from now on, in the order of the line."),
            "form_class": StateDialog,
            "form_submit_text": _("Open"),
        },
    )
    def open_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(request, form, object_id, rooms.open_room, gettext("The room is open."))

    @row_locked
    @action(  # type: ignore[untyped-decorator]
        description=_("Pause"),
        permissions=["change"],
        icon="pause",
        variant=ActionVariant.WARNING,
        dialog={
            "title": _("Pause the waiting room?"),
            "description": _(
                "No buyer is let in until it is opened again. People keep their places in line, "
                "and those inside may finish."
            ),
            "form_class": StateDialog,
            "form_submit_text": _("Pause"),
        },
    )
    def pause_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(
            request, form, object_id, rooms.pause_room, gettext("The room is paused.")
        )

    @row_locked
    @action(  # type: ignore[untyped-decorator]
        description=_("Pace"),
        permissions=["change"],
        icon="speed",
        dialog={
            "title": _("Slow the waiting room down, or speed it up?"),
            "description": _(
                "In effect within a second. Buyers who are inside already stay inside."
            ),
            "form_class": PaceDialog,
            "form_submit_text": _("Set the pace"),
        },
    )
    def set_pace(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        pace = partial(
            rooms.set_pace,
            admit_per_minute=form.cleaned_data["admit_per_minute"],
            capacity=form.cleaned_data["capacity"],
        )
        return self._turn(request, form, object_id, pace, gettext("The pace is set."))

    @row_locked
    @action(  # type: ignore[untyped-decorator]
        description=_("Drain"),
        permissions=["change"],
        icon="hourglass_bottom",
        variant=ActionVariant.WARNING,
        dialog={
            "title": _("Drain the waiting room?"),
            "description": _(
                "No more buyers can join. All buyers in line are still let in, in order and at "
                "the same pace, and once the room is empty it closes by itself."
            ),
            "form_class": StateDialog,
            "form_submit_text": _("Drain"),
        },
    )
    def drain_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(
            request, form, object_id, rooms.drain_room, gettext("The room takes no more buyers.")
        )

    @row_locked
    @action(  # type: ignore[untyped-decorator]
        description=_("Close"),
        permissions=["change"],
        icon="stop",
        variant=ActionVariant.DANGER,
        dialog={
            "title": _("Close the waiting room?"),
            "description": _(
                "All buyers who are waiting lose their places in line, and no buyer can join. "
                "Those inside may finish. To stop for a while only, pause it; to let in the "
                "buyers in line, drain it instead."
            ),
            "form_class": StateDialog,
            "form_submit_text": _("Close the room"),
        },
    )
    def close_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(
            request, form, object_id, rooms.close_room, gettext("The room is closed.")
        )

    def _turn(
        self,
        request: HttpRequest,
        form: Form,
        object_id: str,
        service: Callable[..., rooms.Change],
        done: str,
    ) -> HttpResponse:
        if self.get_object(request, object_id) is None:
            raise Http404
        actor = cast(User, request.user)
        service(room_id=int(object_id), actor=actor, reason=form.cleaned_data["reason"])
        messages.success(request, done)
        here = reverse("admin:queueing_waitingroom_change", args=[object_id])
        return HttpResponseClientRedirect(here)


def _people(room: Any, count: int) -> str:
    return f"{count:,}+" if count == room.counted_up_to else f"{count:,}"
