"""A rehearsal from the console, and whether all is ready for an opening."""

from typing import Any, cast

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from concerts.services.staff_concerts import is_limited
from operations import tasks
from operations.console.board import CONTROL
from operations.console.page import Context, console_page
from operations.services import rehearsal_log
from operations.services.rehearsal_log import Figures
from operations.services.warnings import read_warnings
from queueing.models import WaitingRoom

POINTS = {
    "warnings": _("No urgent warning"),
    "rehearsal": _("A rehearsal within seven days went well"),
    "audit": _("An audit within a day found nothing"),
}


class RehearsalForm(forms.Form):
    buyers = forms.IntegerField(label=_("Buyers"), min_value=1, max_value=1000, initial=200)
    seats = forms.IntegerField(label=_("Seats"), min_value=1, max_value=20_000, initial=100)
    capacity = forms.IntegerField(
        label=_("People inside at once"), min_value=1, max_value=10_000, initial=50
    )
    within = forms.IntegerField(
        label=_("Seconds in which they come"), min_value=0, max_value=120, initial=30
    )
    reason = forms.CharField(label=_("Why"), required=False, max_length=200)


@console_page(
    permission=CONTROL, title=_("Rehearsal"), template="operations/console/rehearsal.html"
)
def rehearsal(request: HttpRequest) -> HttpResponse | Context:
    if is_limited(request.user):
        raise PermissionDenied
    form = RehearsalForm(request.POST if request.method == "POST" else None, label_suffix="")
    if form.is_valid():
        _begin(request, form.cleaned_data)
        return redirect("console:rehearsal")
    warnings = [each for each in read_warnings() if each.tone == "bad"]
    points = rehearsal_log.go_or_no_go(urgent=len(warnings))
    progress = rehearsal_log.progress()
    return {
        "form": form,
        "progress": progress,
        "room": WaitingRoom.objects.exclude(rehearsal="").order_by("-pk").first(),
        "outcome": rehearsal_log.last_outcome(),
        "points": [(POINTS[point.name], point) for point in points],
        "is_go": all(point.is_met for point in points),
        "warnings": warnings,
    }


def _begin(request: HttpRequest, values: dict[str, Any]) -> None:
    figures = Figures(**{name: values[name] for name in Figures.__dataclass_fields__})
    actor = cast(User, request.user)
    if rehearsal_log.begin(actor=actor, figures=figures, reason=values["reason"]):
        tasks.rehearse.delay(str(actor.pk), vars(figures))
        messages.success(request, gettext("The rehearsal begins."))
    else:
        messages.error(request, gettext("A rehearsal runs already."))
