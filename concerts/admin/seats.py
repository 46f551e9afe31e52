"""Seats, and the history of their statuses."""

from contextlib import suppress
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import Q, Value
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.base_admin import MOST_KEYS, FoundByUser, ReadOnlyAdmin, person
from concertbook.admin.columns import colored, won
from concertbook.admin.filters import live_filter
from concerts.admin.seat_forms import NameField
from concerts.errors import SeatLabelTaken, SeatPlaceTaken
from concerts.models import ConcertSchedule, Seat, SeatStatusHistory
from concerts.names import look_alike
from concerts.services import seat_editing, seat_locks

SEAT_COLORS = {"AVAILABLE": "success", "HELD": "warning", "RESERVED": "info", "BLOCKED": "danger"}


class SeatForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        field_classes: ClassVar = {"label": NameField, "section": NameField}

    def clean(self) -> dict[str, Any]:
        """Shows the refusals of edit_seat at the field, so that the form keeps its values."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"label", "section"} <= cleaned.keys():
            seat = copy(self.instance)
            try:
                seat_editing.rename(seat, label=cleaned["label"], section=cleaned["section"])
                seat_editing.require_own_name(seat)
            except SeatLabelTaken as refusal:
                self.add_error("label", str(refusal.message))
            except SeatPlaceTaken as refusal:
                self.add_error("section", str(refusal.message))
        return cleaned


@admin.register(Seat)
class SeatAdmin(FoundByUser):
    """Names, prices and classifies seats. The generator creates them, the sale changes their
    holders."""

    rehearsal_path = "schedule__concert__waiting_room__rehearsal"
    concert_path = "schedule__concert"
    form = SeatForm
    EDITABLE = ("label", "section", "grade", "price", "kind")

    actions = None
    fields = (
        "schedule",
        ("number", "row", "seat_in_row"),
        ("label", "section"),
        ("grade", "price", "kind"),
        "status",
        ("held_by", "hold_expires_at"),
        ("available_from", "blocked_for"),
    )
    list_display = (
        "number",
        "label",
        "section",
        "row",
        "seat_in_row",
        "grade",
        won("price", _("price")),
        "kind",
        colored("status", _("status"), SEAT_COLORS),
        person("held_by", _("held by")),
        "hold_expires_at",
        "schedule",
    )
    list_display_links = ("number", "label")
    list_filter = (
        live_filter("status", HELD="reservations__is_held"),
        "kind",
        ("schedule", AutocompleteSelectFilter),
    )
    list_select_related = ("schedule__concert", "held_by")
    # The seats of which a user has or had a reservation.
    user_paths = ("reservations__user",)
    sortable_by = ()
    readonly_fields = (
        "schedule",
        "number",
        "row",
        "seat_in_row",
        "status",
        "held_by",
        "hold_expires_at",
        "available_from",
        "blocked_for",
    )

    @property
    def search_help_text(self) -> Any:
        return _("A seat's label or number, or the beginning of an e-mail address or a name")

    def found_by(self, text: str) -> Q:
        labelled = Seat.objects.alias(label_key=look_alike("label")).filter(
            label_key=look_alike(Value(text.strip()))
        )
        found = Q(pk__in=list(labelled.values_list("pk", flat=True)[:MOST_KEYS]))
        return found | super().found_by(text)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Seat | None = None) -> bool:
        free = obj is None or obj.is_untaken
        live = obj is None or obj.schedule.cancelled_at is None
        return free and live and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Seat | None = None) -> bool:
        return False

    def _lock_rows(self, request: HttpRequest, key: str) -> None:
        with suppress(ValidationError):
            seat_locks.lock_schedule_of(Seat._meta.pk.to_python(key))
        super()._lock_rows(request, key)

    def save_model(self, request: HttpRequest, obj: Seat, form: Any, change: bool) -> None:
        details = seat_editing.SeatDetails(**{name: getattr(obj, name) for name in self.EDITABLE})
        seat_editing.edit_seat(seat_id=obj.pk, details=details)


@admin.register(SeatStatusHistory)
class SeatStatusHistoryAdmin(ReadOnlyAdmin):
    rehearsal_path = "seat__schedule__concert__waiting_room__rehearsal"
    concert_path = "seat__schedule__concert"
    fields = ("seat", "seq", "from_status", "to_status", "changed_by", "reason", "changed_at")
    list_display = (
        "changed_at",
        "schedule",
        "seat",
        "seq",
        colored("from_status", _("from"), SEAT_COLORS),
        colored("to_status", _("to"), SEAT_COLORS),
        person("changed_by", _("changed by")),
        "reason",
    )
    list_filter = ("to_status", ("seat__schedule", AutocompleteSelectFilter))
    list_select_related = ("seat__schedule__concert", "changed_by")
    # The seats of which a user has or had a reservation: all that happened to them.
    user_paths = ("seat__reservations__user",)
    sortable_by = ()

    @admin.display(description=_("schedule"))
    def schedule(self, change: SeatStatusHistory) -> ConcertSchedule:
        return change.seat.schedule
