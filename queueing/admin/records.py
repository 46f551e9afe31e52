"""What the line recorded: tokens, draws, and how each place in line ended."""

from django.contrib import admin
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import ReadOnlyAdmin, person
from concertbook.admin.columns import colored
from concertbook.admin.filters import live_filter
from queueing.models import Draw, QueueEntryHistory, QueueToken, WaitingRoom

TOKEN_COLORS = {"WAITING": "warning", "ACTIVE": "success"}


@admin.register(QueueToken)
class QueueTokenAdmin(ReadOnlyAdmin):
    rehearsal_path = "room__rehearsal"
    concert_path = "room__concerts"
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
        person("user", _("user")),
        "room",
        "position",
        colored("status", _("status"), TOKEN_COLORS),
        "issued_at",
        "available_at",
        "expires_at",
        "last_request_at",
    )
    list_filter = (live_filter("status", WAITING="is_waiting", ACTIVE="is_active"), "room")
    list_select_related = ("user", "room")
    user_paths = ("user",)
    id_paths = ("token",)
    sortable_by = ()


@admin.register(Draw)
class DrawAdmin(ReadOnlyAdmin):
    rehearsal_path = "room__rehearsal"
    concert_path = "room__concerts"
    # Not the seed: before the draw it is secret, afterwards it is on the public page.
    fields = ("room", "commitment", "committed_at", "drawn_at", "participants", "participants_hash")
    list_display = ("room", "committed_at", "drawn_at", "participants")
    list_select_related = ("room",)
    search_fields = ("room__title",)

    def view_on_site(self, draw: Draw) -> str | None:
        return reverse("draw", args=[draw.room.slug]) if draw.room.shuffle else None


ENDING_COLORS = {"PAID": "success", "TIMED_OUT": "warning", "CLOSED": "danger"}


@admin.register(QueueEntryHistory)
class QueueEntryHistoryAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    concert_path = "token__room__concerts"
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
        person("user", _("user")),
        "room",
        "was_admitted",
        "duration_seconds",
        colored("outcome", _("how it ended"), ENDING_COLORS),
        "entered_at",
        "admitted_at",
    )
    list_filter = ("outcome", "was_admitted", "token__room")
    list_select_related = ("user", "token__room")
    user_paths = ("user",)
    id_paths = ("token__token",)
    sortable_by = ()

    @admin.display(description=_("waiting room"))
    def room(self, entry: QueueEntryHistory) -> WaitingRoom:
        return entry.token.room
