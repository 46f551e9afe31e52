"""The seat plan of a date as a file, and taken from a file, from another date or from an earlier
version: first what would change, with each bad row, then the change."""

import uuid
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.timezone import localtime
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concertbook.errors import DomainError
from concerts.models import ConcertSchedule
from concerts.services.seat_import import difference, import_seats
from concerts.services.seat_plans import present_version
from concerts.services.seat_table import (
    Table,
    read_csv,
    table_of_date,
    table_of_version,
    write_csv,
)
from operations.console.page import Context, console_page
from operations.console.seat_acts import VIEW, ReasonForm, get_schedule

IMPORT = ("concerts.change_seat", "concerts.delete_seat")
LARGEST_FILE = 2_000_000
MOST_VERSIONS = 50
# Of what would change, and of bad rows: a file with more of them is another table.
MOST_SHOWN, MOST_BAD = 20, 500
# How long what was shown can be confirmed.
KEPT_SECONDS = 900
# Excel in Korean writes CSV in the second.
ENCODINGS = ("utf-8-sig", "cp949")


@console_page(permission=VIEW)
def plan_csv(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse:
    schedule = get_schedule(request, schedule_id)
    # With a byte order mark Excel reads the file as UTF-8.
    text = "\ufeff" + write_csv(table_of_date(schedule.pk))
    answer = HttpResponse(text, content_type="text/csv; charset=utf-8")
    name = f"seats-{schedule.concert_date}-{str(schedule.pk)[:8]}.csv"
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


class SourceForm(forms.Form):
    file = forms.FileField(label=_("A CSV file"), required=False)
    date = forms.ChoiceField(label=_("Another date of the concert"), required=False)
    version = forms.ChoiceField(label=_("The plan of this date as it was"), required=False)

    def __init__(self, schedule: ConcertSchedule, *args: Any) -> None:
        super().__init__(*args)
        self.schedule = schedule
        dates = ConcertSchedule.objects.filter(concert=schedule.concert_id).exclude(pk=schedule.pk)
        versions = schedule.seat_plans.exclude(version=present_version(schedule.pk))
        shown = versions.order_by("-pk").values_list("version", "created_at")[:MOST_VERSIONS]
        self.fields["date"].choices = [  # type: ignore[attr-defined]
            ("", "-"),
            *((str(date.pk), f"{localtime(date.start_at):%Y-%m-%d %H:%M}") for date in dates),
        ]
        self.fields["version"].choices = [  # type: ignore[attr-defined]
            ("", "-"),
            *((version, f"{localtime(at):%Y-%m-%d %H:%M:%S}") for version, at in shown),
        ]

    def clean_file(self) -> str:
        file: Any = self.cleaned_data["file"]
        if file is None:
            return ""
        if (file.size or 0) > LARGEST_FILE:
            raise forms.ValidationError(_("The file is too large."))
        content: bytes = file.read()
        for encoding in ENCODINGS:
            try:
                return content.decode(encoding)
            except UnicodeDecodeError:
                continue
        raise forms.ValidationError(_("The file is no text in UTF-8."))

    def clean(self) -> None:
        if not self.errors and sum(map(bool, self.cleaned_data.values())) != 1:
            raise forms.ValidationError(_("Choose one of the three."))

    def table(self) -> Table:
        if self.cleaned_data["file"]:
            return read_csv(self.cleaned_data["file"])
        if self.cleaned_data["date"]:
            return table_of_date(uuid.UUID(self.cleaned_data["date"]))
        return table_of_version(self.schedule.pk, self.cleaned_data["version"])


@console_page(permission=IMPORT, template="operations/console/seat_plan.html")
def import_plan(request: HttpRequest, schedule_id: uuid.UUID) -> HttpResponse | Context:
    """Ask for the source; show what would change, and ask why; change it."""
    schedule = get_schedule(request, schedule_id)
    if "reason" in request.POST:
        return _confirmed(request, schedule)
    source = SourceForm(
        schedule, *([request.POST, request.FILES] if request.method == "POST" else [])
    )
    if not source.is_valid():
        return _page(schedule, source)
    table = source.table()
    # A form with a whole hall would be too large to be sent back.
    kept = None if table.bad else (present_version(schedule.pk), write_csv(table))
    cache.set(_draft(request, schedule), kept, KEPT_SECONDS)
    return {**_page(schedule, source), **_preview(schedule, table), "form": ReasonForm()}


def _confirmed(request: HttpRequest, schedule: ConcertSchedule) -> HttpResponse | Context:
    kept = cache.get(_draft(request, schedule))
    if kept is None:
        messages.warning(request, gettext("It was too long ago. Please choose again."))
        return redirect("console:seat_plan", schedule.pk)
    version, text = kept
    table, form, refusal = read_csv(text), ReasonForm(request.POST), ""
    if form.is_valid():
        try:
            import_seats(
                actor=cast(User, request.user),
                schedule_id=schedule.pk,
                rows=table.rows,
                version=version,
                reason=form.cleaned_data["reason"],
            )
        except DomainError as error:
            refusal = str(error.message)
        else:
            cache.delete(_draft(request, schedule))
            messages.success(request, gettext("The seat plan is taken over."))
            return redirect("console:seats", schedule.pk)
    page = _page(schedule, SourceForm(schedule))
    return {**page, **_preview(schedule, table), "form": form, "refusal": refusal}


def _draft(request: HttpRequest, schedule: ConcertSchedule) -> str:
    return f"seat-plan:{request.user.pk}:{schedule.pk}"


def _page(schedule: ConcertSchedule, source: SourceForm) -> dict[str, Any]:
    return {"title": str(schedule), "schedule": schedule, "source": source}


def _preview(schedule: ConcertSchedule, table: Table) -> dict[str, Any]:
    found = difference(schedule, table.rows)
    parts = [
        (_("New"), [row.label for row in found.added]),
        (_("Changed"), [f"{each.seat.label}: {each.sentence}" for each in found.changed]),
        (_("Removed"), [seat.label for seat in found.removed]),
        (
            _("Not in the table, and kept for their history"),
            [seat.label for seat in found.kept],
        ),
        (
            _("Not changed, as a buyer holds or has them"),
            [f"{each.seat.label}: {each.sentence}" for each in found.taken],
        ),
    ]
    return {
        "bad": table.bad[:MOST_BAD],
        "bad_count": len(table.bad),
        "parts": [(name, len(lines), lines[:MOST_SHOWN]) for name, lines in parts if lines],
        "may_run": not (table.bad or found.is_empty),
    }
