"""The doorkeeper's desk: rooms to open, pause and close, and the lines before them."""

from collections.abc import Callable, Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import Form, ModelForm
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts.admin import Admin, ReadOnlyAdmin, colored
from queueing.models import Draw, QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import rooms

STATE_COLORS = {
    "SCHEDULED": "info",
    "OPEN": "success",
    "PAUSED": "warning",
    "DRAINING": "warning",
    "CLOSED": "danger",
}


class RoomForm(ModelForm):  # type: ignore[type-arg]
    """The state is chosen once, with the new room; later it is changed by opening and closing."""

    def _get_validation_exclusions(self) -> set[str]:
        # A scheduled room needs its time even where the state is not in the form.
        return super()._get_validation_exclusions() - {"state"}  # type: ignore[misc, no-any-return]


@admin.register(WaitingRoom)
class WaitingRoomAdmin(Admin):
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
        "admit_per_minute",
    )
    list_filter = ("state",)
    search_fields = ("title", "slug")
    prepopulated_fields = {"slug": ("title",)}
    actions_detail = ("open_room", "pause_room", "close_room")

    def get_queryset(self, request: HttpRequest) -> QuerySet[WaitingRoom]:
        return rooms.with_line_counts(super().get_queryset(request))

    @admin.display(description=_("waiting"), ordering="waiting_count")
    def waiting(self, room: Any) -> str:
        return f"{room.waiting_count:,}"

    @admin.display(description=_("inside"), ordering="active_count")
    def active(self, room: Any) -> str:
        return f"{room.active_count:,}"

    def get_fieldsets(self, request: HttpRequest, obj: WaitingRoom | None = None) -> Any:
        counts = (_("Now"), {"fields": (("waiting", "active"),)})
        return self.fieldsets if obj is None else (*self.fieldsets, counts)

    def get_readonly_fields(
        self, request: HttpRequest, obj: WaitingRoom | None = None
    ) -> Sequence[str]:
        if obj is None:
            return ()
        # The slug is an address that clients keep; who came was promised a draw, or none.
        settled = ("shuffle",) if rooms.is_shuffle_settled(obj) else ()
        return ("state", "slug", "waiting", "active", *settled)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        listed, counts, needed, protected = super().get_deleted_objects(objs, request)
        # Nobody may delete the promise of a draw by itself; it goes with a room nobody came to.
        return listed, counts, needed - {Draw._meta.verbose_name}, protected

    def get_prepopulated_fields(self, request: HttpRequest, obj: WaitingRoom | None = None) -> Any:
        return self.prepopulated_fields if obj is None else {}

    @action(  # type: ignore[untyped-decorator]
        description=_("Open"),
        permissions=["change"],
        icon="play_arrow",
        variant=ActionVariant.SUCCESS,
        dialog={
            "title": _("Open the waiting room?"),
            "description": _("People are let in from now on, in the order of the line."),
            "form_submit_text": _("Open"),
        },
    )
    def open_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, rooms.open_room, gettext("The room is open."))

    @action(  # type: ignore[untyped-decorator]
        description=_("Pause"),
        permissions=["change"],
        icon="pause",
        variant=ActionVariant.WARNING,
        dialog={
            "title": _("Pause the waiting room?"),
            "description": _(
                "Nobody is let in until it is opened again. People keep their places in line, "
                "and those inside may finish."
            ),
            "form_submit_text": _("Pause"),
        },
    )
    def pause_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, rooms.pause_room, gettext("The room is paused."))

    @action(  # type: ignore[untyped-decorator]
        description=_("Close"),
        permissions=["change"],
        icon="stop",
        variant=ActionVariant.DANGER,
        dialog={
            "title": _("Close the waiting room?"),
            "description": _(
                "Everybody who is waiting loses the place in line, and nobody can join. "
                "Those inside may finish. To stop for a while only, pause it instead."
            ),
            "form_submit_text": _("Close the room"),
        },
    )
    def close_room(self, request: HttpRequest, form: Form, object_id: str) -> HttpResponse:
        return self._turn(request, object_id, rooms.close_room, gettext("The room is closed."))

    def _turn(
        self, request: HttpRequest, room_id: str, service: Callable[..., Any], done: str
    ) -> HttpResponse:
        if self.get_object(request, room_id) is None:
            raise Http404
        room = service(room_id=int(room_id))
        self.log_change(request, room, done)
        messages.success(request, done)
        here = reverse("admin:queueing_waitingroom_change", args=[room_id])
        return HttpResponseClientRedirect(here)


TOKEN_COLORS = {"WAITING": "warning", "ACTIVE": "success"}


@admin.register(QueueToken)
class QueueTokenAdmin(ReadOnlyAdmin):
    fields = (
        "token",
        "user",
        "room",
        "position",
        "status",
        "issued_at",
        "available_at",
        "expires_at",
        "last_request_at",
    )
    list_display = (
        "user",
        "room",
        "position",
        colored("status", _("status"), TOKEN_COLORS),
        "issued_at",
        "available_at",
        "expires_at",
        "last_request_at",
    )
    list_filter = ("status", "room")
    list_select_related = ("user", "room")
    search_fields = ("user__email", "user__name", "room__title", "^token")
    date_hierarchy = "issued_at"


@admin.register(Draw)
class DrawAdmin(ReadOnlyAdmin):
    # Not the seed: before the draw it is nobody's, afterwards it is on the public page.
    fields = ("room", "commitment", "committed_at", "drawn_at", "participants", "participants_hash")
    list_display = ("room", "committed_at", "drawn_at", "participants")
    list_select_related = ("room",)
    search_fields = ("room__title",)

    def view_on_site(self, draw: Draw) -> str | None:
        return reverse("draw", args=[draw.room.slug]) if draw.room.shuffle else None


ENDING_COLORS = {"PAID": "success", "TIMED_OUT": "warning", "CLOSED": "danger"}


@admin.register(QueueEntryHistory)
class QueueEntryHistoryAdmin(ReadOnlyAdmin):
    fields = (
        "user",
        "token",
        "entered_at",
        "admitted_at",
        "exited_at",
        "was_admitted",
        "duration_seconds",
        "outcome",
    )
    list_display = (
        "exited_at",
        "user",
        "room",
        "was_admitted",
        "duration_seconds",
        colored("outcome", _("how it ended"), ENDING_COLORS),
        "entered_at",
        "admitted_at",
    )
    list_filter = ("outcome", "was_admitted", "token__room")
    list_select_related = ("user", "token__room")
    search_fields = ("user__email", "user__name", "token__room__title", "^token__token")
    date_hierarchy = "exited_at"

    @admin.display(description=_("waiting room"), ordering="token__room")
    def room(self, entry: QueueEntryHistory) -> WaitingRoom:
        return entry.token.room
