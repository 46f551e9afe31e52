"""The programme: concerts with their schedules, seats by the block, and who has which seat."""

from collections.abc import Sequence
from contextlib import suppress
from copy import copy
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.text import capfirst
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline
from unfold.contrib.filters.admin import AutocompleteSelectFilter
from unfold.decorators import action
from unfold.enums import ActionVariant
from unfold.widgets import UnfoldAdminIntegerFieldWidget, UnfoldAdminTextInputWidget

from accounts.base_admin import Admin, ReadOnlyAdmin
from accounts.errors import IdempotencyKeyReused
from accounts.idempotency import AnsweredBefore, IdempotentRequest
from accounts.idempotent_forms import ONCE, FormTooOld, form_once, new_key, old_form, sent_before
from concertbook.admin.columns import colored, won
from concertbook.admin.versions import (
    VERSION,
    VersionedInline,
    last_log_entry,
    opened_page,
    seal_page,
    who_changed,
)
from concerts.errors import SeatLabelTaken, SeatPlaceTaken, SeatsChanged, SeatTaken
from concerts.models import Concert, ConcertSchedule, Seat, SeatStatusHistory
from concerts.names import clean_name
from concerts.services import schedule_rules, seating

SEAT_COLORS = {"AVAILABLE": "success", "HELD": "warning", "RESERVED": "info"}


class ScheduleForm(forms.ModelForm):  # type: ignore[type-arg]
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.instance.cancelled_at is not None:
            for field in self.fields.values():
                field.disabled = True  # among a concert's others: it is a record

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        rules = {
            name: cleaned[name]
            for name in ("reserve_from", "reserve_until", "purchase_limit")
            if name in cleaned
        }
        if not self.instance._state.adding and self.has_changed() and len(rules) == 3:
            schedule_rules.require_sale_kept(schedule_id=self.instance.pk, **rules)
        return cleaned


SCHEDULE_ROWS = (
    "start_at",
    "end_at",
    "reserve_from",
    "reserve_until",
    ("price", "purchase_limit"),
    ("rest_seconds", "doors_open_minutes"),
)


class ScheduleInline(VersionedInline, StackedInline):  # type: ignore[misc]
    model = ConcertSchedule
    form = ScheduleForm
    fields = SCHEDULE_ROWS
    show_change_link = True
    # A schedule is deleted on its own page, together with its seats.
    can_delete = False

    def get_extra(self, request: HttpRequest, obj: Concert | None = None, **kwargs: Any) -> int:
        return 1 if obj is None else 0


class DeletableUnsold(Admin):
    """Concerts and schedules: they may go as long as no seat was ever held."""

    def schedules_of(self, things: Any) -> QuerySet[ConcertSchedule]:
        raise NotImplementedError

    def sold(self, things: Any) -> QuerySet[ConcertSchedule]:
        return schedule_rules.ever_held(self.schedules_of(things))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        unsold = obj is None or not self.sold([obj]).exists()
        return unsold and bool(super().has_delete_permission(request, obj))

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """What would go: thousands of seats are counted, not listed."""
        schedules = self.schedules_of(objs)
        counts = {
            capfirst(ConcertSchedule._meta.verbose_name_plural): schedules.count(),
            capfirst(Seat._meta.verbose_name_plural): Seat.objects.filter(
                schedule__in=schedules
            ).count(),
        }
        sold = self.sold(objs).select_related("concert")
        protected = [gettext("%s: seats were held or sold") % schedule for schedule in sold]
        may = self.has_delete_permission(request)
        return list(map(str, objs)), counts, set() if may else {self.opts.verbose_name}, protected


@admin.register(Concert)
class ConcertAdmin(DeletableUnsold):
    rehearsal_path = "waiting_room__rehearsal"
    fields = (
        "title",
        "description",
        "venue",
        "start_time",
        "end_time",
        "refund_policy",
        "waiting_room",
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
        # Whoever holds a seat was let in by this room.
        sold = obj is not None and schedule_rules.ever_held(obj.schedules.all()).exists()
        return ("waiting_room",) if sold else ()

    def schedules_of(self, things: Any) -> QuerySet[ConcertSchedule]:
        return ConcertSchedule.objects.filter(concert__in=things)

    def delete_model(self, request: HttpRequest, obj: Concert) -> None:
        self.delete_queryset(request, Concert.objects.filter(pk=obj.pk))

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Concert]) -> None:
        schedule_rules.delete_concerts(queryset)


class NameField(forms.CharField):
    """Words on a seat: what is too long or nothing is judged as it will be stored."""

    def to_python(self, value: Any) -> str:
        return clean_name(super().to_python(value) or "")


class BlockForm(forms.Form):
    """One block of the generator. The limits keep every label within its column."""

    section = NameField(
        label=_("Section"), max_length=12, required=False, widget=UnfoldAdminTextInputWidget
    )
    rows = forms.IntegerField(
        label=_("Rows"), min_value=1, max_value=500, widget=UnfoldAdminIntegerFieldWidget
    )
    seats_per_row = forms.IntegerField(
        label=_("Seats per row"), min_value=1, max_value=500, widget=UnfoldAdminIntegerFieldWidget
    )
    grade = forms.CharField(
        label=_("Grade"), max_length=20, required=False, widget=UnfoldAdminTextInputWidget
    )
    price = forms.IntegerField(
        label=_("Price (won)"),
        min_value=1,
        max_value=1_000_000_000,
        widget=UnfoldAdminIntegerFieldWidget,
    )

    def block(self) -> seating.Block:
        return seating.Block(**self.cleaned_data)


SEATS_AT_ONCE = 20_000


class BaseBlockFormSet(forms.BaseFormSet):  # type: ignore[type-arg]
    """Blocks for one schedule; those of one section follow each other."""

    def clean(self) -> None:
        if any(self.errors):
            return
        blocks = self.blocks()
        if sum(block.rows * block.seats_per_row for block in blocks) > SEATS_AT_ONCE:
            raise ValidationError(
                _("At most %(seats)s seats at once."), params={"seats": f"{SEATS_AT_ONCE:,}"}
            )

    def refuse(self, why: str) -> None:
        self._non_form_errors = self.error_class([why])

    def blocks(self) -> list[seating.Block]:
        return [form.block() for form in self.forms if form.cleaned_data]


BlockFormSet: Any = forms.formset_factory(
    BlockForm, formset=BaseBlockFormSet, extra=4, min_num=1, validate_min=True, max_num=20
)


class RemoveSeatsForm(forms.Form):
    """Ticks rows, or a whole section, of which nobody ever had a seat."""

    row = forms.MultipleChoiceField(required=False)
    section = forms.MultipleChoiceField(required=False)

    def __init__(self, rows: list[seating.Row], *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.rows = rows
        choices = [(each["key"], each["key"]) for each in self.sections()]
        self.fields["section"].choices = choices  # type: ignore[attr-defined]
        keys = [_row_key(row) for row in rows if not row.had]
        self.fields["row"].choices = [(key, key) for key in keys]  # type: ignore[attr-defined]

    def sections(self) -> list[dict[str, Any]]:
        """For the page: each section with its rows, what is ticked, and whether it may go."""
        ticked = self.data.getlist("row") if self.is_bound else []  # type: ignore[attr-defined]
        sections: dict[str, Any] = {}
        for row in self.rows:
            section = sections.setdefault(
                row.section,
                {"name": row.section, "key": f"section:{row.section}", "rows": [], "had": 0},
            )
            key = _row_key(row)
            section["rows"].append({"row": row, "key": key, "ticked": key in ticked})
            section["had"] += row.had
        return list(sections.values())

    def clean(self) -> None:
        if not self.errors and not self.chosen():
            raise ValidationError(_("Please tick at least one row."))

    def chosen(self) -> list[tuple[str, str]]:
        """(section, row) of the rows to remove."""
        rows, sections = (self.cleaned_data.get(name, []) for name in ("row", "section"))
        return [
            (row.section, row.row)
            for row in self.rows
            if _row_key(row) in rows or f"section:{row.section}" in sections
        ]


def _is_valid(form: RemoveSeatsForm, once: IdempotentRequest | None) -> bool:
    """Of a form that was sent before the rows are gone. Raises AnsweredBefore."""
    if once is not None and not form.is_valid():
        once.find_answer()
    return form.is_valid()


def _row_key(row: seating.Row) -> str:
    return f"{row.section}|{row.row}"


@admin.register(ConcertSchedule)
class ConcertScheduleAdmin(DeletableUnsold):
    rehearsal_path = "concert__waiting_room__rehearsal"
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
        "purchase_limit",
    )
    list_display_links = ("concert", "start_at")
    list_filter = (("concert", AutocompleteSelectFilter),)
    list_select_related = ("concert",)
    search_fields = ("concert__title", "concert__venue")
    date_hierarchy = "start_at"
    ordering = ("-start_at",)
    autocomplete_fields = ("concert",)
    readonly_fields = ("available", "held", "reserved", "all_seats", "room")
    actions_detail = ("generate", "remove_seats")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ConcertSchedule]:
        schedules = super().get_queryset(request).select_related("concert__waiting_room")
        return schedule_rules.with_seat_counts(schedules)

    def get_fieldsets(self, request: HttpRequest, obj: ConcertSchedule | None = None) -> Any:
        figures = (None, {"fields": ("concert", *SCHEDULE_ROWS)})
        seats = (_("Seats"), {"fields": (("available", "held", "reserved"), "all_seats", "room")})
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

    @admin.display(description=_("all seats"))
    def all_seats(self, schedule: ConcertSchedule) -> str:
        seats = reverse("admin:concerts_seat_changelist")
        return format_html(
            '<a class="text-link" href="{}?schedule__id__exact={}">{}</a>',
            seats,
            schedule.pk,
            ngettext("%s seat", "%s seats", schedule.seat_quantity) % f"{schedule.seat_quantity:,}",
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
            seats = seating.generate_seats(
                schedule_id=schedule.pk,
                blocks=formset.blocks(),
                seats_before=seats_before,
                once=form_once(request, f"generate {schedule.pk}"),
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
            self.log_change(request, schedule, done)
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
        """Rows that nobody ever had a seat of, ticked and removed."""
        schedule = self.get_object(request, object_id)
        if schedule is None:
            raise Http404
        schedule.require_not_cancelled()
        form = RemoveSeatsForm(seating.rows_of(schedule), request.POST or None)
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
            if not _is_valid(form, once):
                return self._remover(request, schedule, form)
            seats = seating.remove_rows(
                schedule_id=schedule.pk,
                rows=form.chosen(),
                seats_before=seats_before,
                once=once,
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
            rows = ", ".join(f"{section} {row}".strip() for section, row in form.chosen())
            self.log_change(request, schedule, f"{done} ({rows})")
            messages.success(request, done)
            return HttpResponseRedirect(page)
        form.rows = seating.rows_of(schedule)
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


class SeatForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        field_classes: ClassVar = {"label": NameField, "section": NameField}

    def clean(self) -> dict[str, Any]:
        """Says at the field what edit_seat would refuse, so that the form keeps what was typed."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if {"label", "section"} <= cleaned.keys():
            seat = copy(self.instance)
            try:
                seating.rename(seat, label=cleaned["label"], section=cleaned["section"])
                seating.require_own_name(seat)
            except SeatLabelTaken as refusal:
                self.add_error("label", str(refusal.message))
            except SeatPlaceTaken as refusal:
                self.add_error("section", str(refusal.message))
        return cleaned


@admin.register(Seat)
class SeatAdmin(Admin):
    """Seats are made by the generator and change hands in the sale; here they get their words."""

    rehearsal_path = "schedule__concert__waiting_room__rehearsal"
    form = SeatForm
    EDITABLE = ("label", "section", "grade", "price")

    actions = None
    fields = (
        "schedule",
        ("number", "row", "seat_in_row"),
        ("label", "section"),
        ("grade", "price"),
        "status",
        ("held_by", "hold_expires_at"),
        "available_from",
    )
    list_display = (
        "number",
        "label",
        "section",
        "row",
        "seat_in_row",
        "grade",
        won("price", _("price")),
        colored("status", _("status"), SEAT_COLORS),
        "held_by",
        "hold_expires_at",
        "schedule",
    )
    list_display_links = ("number", "label")
    list_filter = ("status", ("schedule", AutocompleteSelectFilter))
    list_select_related = ("schedule__concert", "held_by")
    search_fields = (
        "label",
        "^number",
        "grade",
        "schedule__concert__title",
        "held_by__email",
        "held_by__name",
    )
    readonly_fields = (
        "schedule",
        "number",
        "row",
        "seat_in_row",
        "status",
        "held_by",
        "hold_expires_at",
        "available_from",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Seat | None = None) -> bool:
        free = obj is None or obj.status == Seat.Status.AVAILABLE
        live = obj is None or obj.schedule.cancelled_at is None
        return free and live and bool(super().has_change_permission(request, obj))

    def has_delete_permission(self, request: HttpRequest, obj: Seat | None = None) -> bool:
        return False

    def _lock_rows(self, request: HttpRequest, key: str) -> None:
        with suppress(ValidationError):
            seating.lock_schedule_of(Seat._meta.pk.to_python(key))
        super()._lock_rows(request, key)

    def save_model(self, request: HttpRequest, obj: Seat, form: Any, change: bool) -> None:
        details = seating.SeatDetails(**{name: getattr(obj, name) for name in self.EDITABLE})
        seating.edit_seat(seat_id=obj.pk, details=details)


@admin.register(SeatStatusHistory)
class SeatStatusHistoryAdmin(ReadOnlyAdmin):
    rehearsal_path = "seat__schedule__concert__waiting_room__rehearsal"
    fields = ("seat", "seq", "from_status", "to_status", "changed_by", "reason", "changed_at")
    list_display = (
        "changed_at",
        "schedule",
        "seat",
        "seq",
        colored("from_status", _("from"), SEAT_COLORS),
        colored("to_status", _("to"), SEAT_COLORS),
        "changed_by",
        "reason",
    )
    list_filter = ("to_status", ("seat__schedule", AutocompleteSelectFilter))
    list_select_related = ("seat__schedule__concert", "changed_by")
    search_fields = (
        "seat__label",
        "seat__schedule__concert__title",
        "changed_by__email",
        "changed_by__name",
        "reason",
    )
    date_hierarchy = "changed_at"

    @admin.display(description=_("schedule"), ordering="seat__schedule")
    def schedule(self, change: SeatStatusHistory) -> ConcertSchedule:
        return change.seat.schedule
