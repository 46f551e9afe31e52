"""The reports: a page for each, with its chart and table, and the file that a sweep writes.

What they are, and who may read them, is in operations/services/reports.py.
"""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.translation import get_language, gettext
from django.utils.translation import gettext_lazy as _

from accounts.errors import IdempotencyKeyReused
from accounts.idempotent_forms import FormTooOld, form_once, new_key, old_form, sent_before
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore
from concertbook.errors import DomainError
from concerts.models import Concert, ConcertSchedule
from concerts.services.staff_concerts import limit
from operations.console.page import Context, console_page
from operations.export_admin import PROGRESS
from operations.services.exports import queue_report
from operations.services.periods import period_of
from operations.services.reports import (
    REPORTS,
    Report,
    ReportTooLarge,
    Row,
    Scope,
    in_words,
    may_read,
    may_take_away,
    read_rows,
    sums_of,
)
from operations.services.spreadsheet_files import CONTENT_TYPES

# Of all who are no mere helpers at the door; each report asks for its own permissions, too.
SEE = "concerts.view_concert"
MAIL = "operations.view_reportmail"
ROWS_SHOWN = 500
PAGE_TIMEOUT = "5s"
WEEK = dt.timedelta(days=6)


class ScopeForm(forms.Form):
    """``scope`` is set when the form is valid. The dates of a concert can be chosen once it is."""

    first = forms.DateField(label=_("From"), widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label=_("To"), widget=forms.DateInput(attrs={"type": "date"}))
    concert = forms.ModelChoiceField(
        Concert.objects.none(), label=_("Concert"), required=False, empty_label=_("All concerts")
    )
    schedule = forms.ModelChoiceField(
        ConcertSchedule.objects.none(), label=_("Date"), required=False, empty_label=_("All dates")
    )

    def __init__(self, user: User, data: Any) -> None:
        super().__init__(data, label_suffix="")
        fields = cast(dict[str, Any], self.fields)
        concerts = Concert.objects.visible_to(None).order_by("-start_time", "pk")
        fields["concert"].queryset = limit(user, concerts, "pk")
        try:
            chosen = fields["concert"].clean(data.get("concert"))
        except forms.ValidationError:
            chosen = None
        if chosen is None:
            del fields["schedule"]
        else:
            dates = chosen.schedules.select_related("concert")
            fields["schedule"].queryset = dates

    def clean(self) -> None:
        cleaned = self.cleaned_data
        if not {"first", "last", "concert"} <= cleaned.keys():
            return
        concert, schedule = cleaned["concert"], cleaned.get("schedule")
        try:
            period_of(cleaned["first"], cleaned["last"])
        except DomainError as refusal:
            raise forms.ValidationError(str(refusal.message)) from refusal
        self.scope = Scope(
            cleaned["first"],
            cleaned["last"],
            concert=concert and concert.pk,
            schedule=schedule and schedule.pk,
        )


@console_page(permission=SEE, title=_("Reports"), template="operations/console/reports.html")
def all_reports(request: HttpRequest) -> Context:
    mine = [each for each in REPORTS.values() if may_read(request.user, each)]
    return {"reports": mine, "sees_mails": request.user.has_perm(MAIL)}


@console_page(permission=SEE, template="operations/console/report.html")
def one_report(request: HttpRequest, name: str) -> HttpResponse | Context:
    """The report in the days of the address; a POST queues its file."""
    report = REPORTS.get(name)
    if report is None:
        raise Http404
    user = cast(User, request.user)
    if not may_read(user, report):
        raise PermissionDenied
    form = ScopeForm(user, request.GET if "first" in request.GET else _this_week(report))
    if request.method == "POST":
        return _queue(request, report, form)
    return {
        "title": report.title,
        "report": report,
        "form": form,
        "once": new_key(),
        "may_take_away": may_take_away(user, report),
        **(_shown(report, form.scope, user) if form.is_valid() else {}),
    }


def _this_week(report: Report) -> dict[str, Any]:
    today = timezone.localdate()
    return (
        {"first": today, "last": today + WEEK}
        if report.of_shows
        else {"first": today - WEEK, "last": today}
    )


def _shown(report: Report, scope: Scope, user: User) -> dict[str, Any]:
    try:
        rows = read_rows(report, scope, user=user, most=ROWS_SHOWN + 1, timeout=PAGE_TIMEOUT)
    except ReportTooLarge:
        return {"scope": scope, "is_too_large": True}
    shown = rows[:ROWS_SHOWN]
    is_whole = len(rows) <= ROWS_SHOWN
    adds_up = is_whole and len(shown) > 1 and any(each.is_summed for each in report.columns)
    return {
        "scope": scope,
        "rows": [_cells(report, row) for row in shown],
        "is_whole": is_whole,
        "most": ROWS_SHOWN,
        "sums": _cells(report, sums_of(report, shown)) if adds_up else None,
        "draws": bool(report.chart) and len(shown) > 1,
    }


def _cells(report: Report, row: Row) -> Sequence[tuple[Any, Any]]:
    return [
        (column, in_words(column, value) if value is not None else None)
        for column, value in zip(report.columns, row, strict=True)
    ]


def _queue(request: HttpRequest, report: Report, form: ScopeForm) -> HttpResponse:
    user = cast(User, request.user)
    if not may_take_away(user, report):
        raise PermissionDenied
    format = request.POST.get("format", "")
    if format not in CONTENT_TYPES or not form.is_valid():
        messages.error(request, gettext("Choose the days and the format again."))
        return redirect(request.get_full_path())
    try:
        export = queue_report(
            user=user,
            report=report,
            scope=form.scope,
            format=format,
            language=(get_language() or "ko")[:2],
            once=form_once(request, f"report {report.slug} {form.scope.as_query()}"),
        )
    except AnsweredBefore as before:
        return redirect(PROGRESS, json.loads(before.answer)["pk"])
    except FormTooOld:
        messages.error(request, old_form())
    except IdempotencyKeyReused:
        messages.error(request, sent_before())
    else:
        return redirect(PROGRESS, export.pk)
    return redirect(request.get_full_path())
