"""Concerts, each with its schedules."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin
from django.db import models
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline

from concertbook.admin.versions import VersionedInline
from concerts.admin.base import DeletableUnsold
from concerts.admin.concert_form import ConcertForm
from concerts.admin.schedule_form import SCHEDULE_ROWS, ScheduleForm
from concerts.models import Concert, ConcertSchedule
from concerts.services import schedule_rules

REFUNDS = ("refund_policy", ("refund_policy_reason", "refund_policy_reason_en"))


class ScheduleInline(VersionedInline, StackedInline):  # type: ignore[misc]
    model = ConcertSchedule
    form = ScheduleForm
    fields = SCHEDULE_ROWS
    show_change_link = True
    # A schedule is deleted on its own page, with its seats.
    can_delete = False

    def get_extra(self, request: HttpRequest, obj: Concert | None = None, **kwargs: Any) -> int:
        return 1 if obj is None else 0


@admin.register(Concert)
class ConcertAdmin(DeletableUnsold):
    rehearsal_path = "waiting_room__rehearsal"
    concert_path = "pk"
    form = ConcertForm
    formfield_overrides = {models.URLField: {"assume_scheme": "https"}}
    fieldsets = (
        (_("The show"), {"fields": (("title", "title_en"), "artist", "description")}),
        (
            _("Poster"),
            {
                "fields": ("poster_preview", "colour", "poster_file", "draws_poster"),
                "description": _("Without an upload, a poster is drawn in the colour."),
            },
        ),
        (
            _("Where and how long"),
            {
                "fields": (
                    ("venue", "venue_en"),
                    ("venue_address", "venue_map"),
                    ("running_minutes", "minimum_age"),
                )
            },
        ),
        (_("Before buying"), {"fields": (("notice", "notice_en"), *REFUNDS)}),
        (_("The sale"), {"fields": (("start_time", "end_time"), "waiting_room")}),
    )
    list_display = ("title", "venue", "start_time", "end_time", "waiting_room", "updated_at")
    list_select_related = ("waiting_room",)
    search_fields = ("title", "venue", "description")
    date_hierarchy = "start_time"
    autocomplete_fields = ("waiting_room",)
    inlines = (ScheduleInline,)

    def get_readonly_fields(
        self, request: HttpRequest, obj: Concert | None = None
    ) -> Sequence[str]:
        is_settled = obj is not None and _keeps_its_room(obj)
        return ("poster_preview", *(("waiting_room",) if is_settled else ()))

    @admin.display(description=_("poster"))
    def poster_preview(self, concert: Concert) -> str:
        return render_to_string("admin/concerts/concert/poster.html", {"concert": concert})

    def schedules_of(self, things: Any) -> QuerySet[ConcertSchedule]:
        return ConcertSchedule.objects.filter(concert__in=things)

    def delete_model(self, request: HttpRequest, obj: Concert) -> None:
        self.delete_queryset(request, Concert.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Concert]) -> None:
        schedule_rules.delete_concerts(queryset)


def _keeps_its_room(concert: Concert) -> bool:
    # The buyer of the first hold was admitted by this room.
    if schedule_rules.ever_held(concert.schedules.all()).exists():
        return True
    # Behind another room a draft would be public, unchecked.
    return not Concert.objects.published().filter(pk=concert.pk).exists()
