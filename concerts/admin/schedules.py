"""Schedules, and the dialogs that generate and remove their seats."""

from collections.abc import Sequence
from typing import Any, cast

from django.contrib import admin, messages
from django.core.signing import BadSignature
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action
from unfold.enums import ActionVariant

from accounts.errors import IdempotencyKeyReused
from accounts.idempotent_forms import ONCE, FormTooOld, form_once, new_key, old_form, sent_before
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore
from concertbook.admin.columns import won
from concertbook.admin.versions import (
    VERSION,
    last_log_entry,
    opened_page,
    seal_page,
    who_changed,
)
from concerts.admin.base import DeletableUnsold
from concerts.admin.schedule_form import SCHEDULE_ROWS, ScheduleForm
from concerts.admin.seat_forms import BlockFormSet, RemoveSeatsForm, is_valid
from concerts.errors import SeatsChanged, SeatTaken
from concerts.models import ConcertSchedule
from concerts.services import schedule_rules, seat_generation, seat_removal, seat_rows


@admin.register(ConcertSchedule)
class ConcertScheduleAdmin(DeletableUnsold):
    rehearsal_path = "concert__waiting_room__rehearsal"
    concert_path = "concert"
    form = ScheduleForm
    list_display = (
        "concert",
        "start_at",
        "reserve_from",
        "reserve_until",
        won("price", _("price")),
        "available",
        "held",
        "reserved",
        "blocked",
        "purchase_limit",
    )
    list_display_links = ("concert", "start_at")
    list_filter = (("concert", AutocompleteSelectFilter),)
    list_select_related = ("concert",)
    search_fields = ("concert__title", "concert__venue")
    date_hierarchy = "start_at"
    ordering = ("-start_at",)
    autocomplete_fields = ("concert",)
    readonly_fields = ("available", "held", "reserved", "blocked", "all_seats", "seat_map", "room")
    actions_detail = ("generate", "remove_seats")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConcertSchedule]:
        schedules = super().get_queryset(request).select_related("concert__waiting_room")
        return schedule_rules.with_seat_counts(schedules)

    def get_fieldsets(self, request: HttpRequest, obj: ConcertSchedule | None = None) -> Any:
        figures = (None, {"fields": ("concert", *SCHEDULE_ROWS)})
        seats = (
            _("Seats"),
            {
                "fields": (
                    ("available", "held", "reserved", "blocked"),
                    "all_seats",
                    "seat_map",
                    "room",
                )
            },
        )
        return (figures,) if obj is None else (figures, seats)

    def get_readonly_fields(
        self, request: HttpRequest, obj: ConcertSchedule | None = None
    ) -> Sequence[str]:
        return self.readonly_fields if obj is None else (*self.readonly_fields, "concert")

    @admin.display(description=_("available"))
    def available(self, schedule: Any) -> str:
        return _count(schedule, 0)

    @admin.display(description=_("held"))
    def held(self, schedule: Any) -> str:
        return _count(schedule, 1)

    @admin.display(description=_("sold"))
    def reserved(self, schedule: Any) -> str:
        return _count(schedule, 2)

    @admin.display(description=_("blocked"))
    def blocked(self, schedule: Any) -> str:
        return _count(schedule, 3)

    @admin.display(description=_("all seats"))
    def all_seats(self, schedule: ConcertSchedule) -> str:
        seats = reverse("admin:concerts_seat_changelist")
        return format_html(
            '<a class="text-link" href="{}?schedule__id__exact={}">{}</a>',
            seats,
            schedule.pk,
            ngettext("%s seat", "%s seats", schedule.seat_quantity) % f"{schedule.seat_quantity:,}",
        )

    @admin.display(description=_("seat map"))
    def seat_map(self, schedule: ConcertSchedule) -> str:
        return format_html(
            '<a class="text-link" href="{}">{}</a>',
            reverse("console:seats", args=[schedule.pk]),
            _("Look at the seats, and change them"),
        )

    @admin.display(description=_("waiting room"))
    def room(self, schedule: ConcertSchedule) -> str:
        room = schedule.concert.waiting_room
        return format_html(
            '<a class="text-link" href="{}">{} · {}</a>',
            reverse("admin:queueing_waitingroom_change", args=[room.pk]),
            room,
            room.get_state_display(),
        )

    @action(  # type: ignore[untyped-decorator]
        description=_("Generate seats"),
        permissions=["change"],
        icon="event_seat",
        variant=ActionVariant.PRIMARY,
    )
    def generate(self, request: HttpRequest, object_id: str) -> HttpResponse:
        schedule = self.get_object(request, object_id)
        if schedule is None:
            raise Http404
        schedule.require_not_cancelled()
        formset = BlockFormSet(
            request.POST or None,
            prefix="blocks",
        )
        if request.method == "POST" and formset.is_valid():
            return self._generated(request, schedule, formset)
        return self._generator(request, schedule, formset)

    def _generated(
        self, request: HttpRequest, schedule: ConcertSchedule, formset: Any
    ) -> HttpResponse:
        page = reverse("admin:concerts_concertschedule_change", args=[schedule.pk])
        try:
            last_entry, seats_before = opened_page(request) or (0, None)
            seats = seat_generation.generate_seats(
                schedule_id=schedule.pk,
                blocks=formset.blocks(),
                seats_before=seats_before,
                once=form_once(request, f"generate {schedule.pk}"),
                actor=cast(User, request.user),
            )
        except AnsweredBefore:
            messages.info(
                request, gettext("This form was sent before: the seats were added once, not again.")
            )
            return HttpResponseRedirect(page)
        except (FormTooOld, BadSignature):
            formset.refuse(old_form())
        except IdempotencyKeyReused:
            formset.refuse(sent_before())
        except SeatsChanged:
            schedule.refresh_from_db(fields=["seat_quantity"])
            formset.refuse(_seats_changed(schedule, seats_before, last_entry))
        else:
            done = ngettext("%s seat was added.", "%s seats were added.", seats) % f"{seats:,}"
            messages.success(request, done)
            return HttpResponseRedirect(page)
        return self._generator(request, schedule, formset)

    def _generator(
        self, request: HttpRequest, schedule: ConcertSchedule, formset: Any
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Generate seats"),
            "subtitle": str(schedule),
            "schedule": schedule,
            "formset": formset,
            "hidden_inputs": {
                ONCE: new_key(),
                VERSION: seal_page(last_log_entry(), schedule.seat_quantity),
            },
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "admin/concerts/concertschedule/generate_seats.html", context
        )

    @action(  # type: ignore[untyped-decorator]
        description=_("Remove seats"),
        permissions=["change"],
        icon="delete_sweep",
    )
    def remove_seats(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The dialog that removes rows without a seat that was ever held."""
        schedule = self.get_object(request, object_id)
        if schedule is None:
            raise Http404
        schedule.require_not_cancelled()
        form = RemoveSeatsForm(seat_rows.rows_of(schedule), request.POST or None)
        if request.method == "POST":
            return self._removed(request, schedule, form)
        return self._remover(request, schedule, form)

    def _removed(
        self, request: HttpRequest, schedule: ConcertSchedule, form: RemoveSeatsForm
    ) -> HttpResponse:
        page = reverse("admin:concerts_concertschedule_change", args=[schedule.pk])
        try:
            last_entry, seats_before = opened_page(request) or (0, None)
            once = form_once(request, f"remove {schedule.pk}")
            if not is_valid(form, once):
                return self._remover(request, schedule, form)
            seats = seat_removal.remove_rows(
                schedule_id=schedule.pk,
                rows=form.chosen(),
                seats_before=seats_before,
                once=once,
                actor=cast(User, request.user),
            )
        except AnsweredBefore:
            messages.info(
                request, gettext("This form was sent before: the seats were removed then.")
            )
            return HttpResponseRedirect(page)
        except (FormTooOld, BadSignature):
            form.add_error(None, old_form())
        except IdempotencyKeyReused:
            form.add_error(None, sent_before())
        except SeatTaken:
            form.add_error(None, gettext("Nothing was removed: a buyer took one of these seats."))
        except SeatsChanged:
            schedule.refresh_from_db(fields=["seat_quantity"])
            form.add_error(None, _seats_changed(schedule, seats_before, last_entry))
        else:
            done = ngettext("%s seat was removed.", "%s seats were removed.", seats) % f"{seats:,}"
            messages.success(request, done)
            return HttpResponseRedirect(page)
        form.rows = seat_rows.rows_of(schedule)
        return self._remover(request, schedule, form)

    def _remover(
        self, request: HttpRequest, schedule: ConcertSchedule, form: RemoveSeatsForm
    ) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Remove seats"),
            "subtitle": str(schedule),
            "schedule": schedule,
            "form": form,
            "hidden_inputs": {
                ONCE: new_key(),
                VERSION: seal_page(last_log_entry(), schedule.seat_quantity),
            },
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(
            request, "admin/concerts/concertschedule/remove_seats.html", context
        )

    def schedules_of(self, things: Any) -> QuerySet[ConcertSchedule]:
        return ConcertSchedule.objects.filter(pk__in=[schedule.pk for schedule in things])

    def delete_model(self, request: HttpRequest, obj: ConcertSchedule) -> None:
        self.delete_queryset(request, ConcertSchedule.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[ConcertSchedule]) -> None:
        schedule_rules.delete_schedules(queryset)


def _seats_changed(schedule: ConcertSchedule, before: int | None, last_entry: int) -> str:
    return gettext(
        "Nothing was done: when you opened this form the schedule had %(before)s seats, and now "
        "it has %(now)s, changed by %(who)s. Please check it and send it again."
    ) % {
        "before": f"{before or 0:,}",
        "now": f"{schedule.seat_quantity:,}",
        "who": who_changed(schedule, last_entry),
    }


def _count(schedule: Any, status: int) -> str:
    counts = schedule.seat_counts
    return f"{counts[status] if counts else 0:,}"
