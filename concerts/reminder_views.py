"""The page where a user sets, sees and withdraws the reminder of a performance."""

import uuid

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts.requests import MemberRequest
from concertbook.http.after_log_in import acts_after_log_in, is_sent
from concertbook.http.languages import public_page
from concertbook.http.origin import origin_of
from concertbook.http.same_origin import same_origin_form
from concerts.services import reminders


@same_origin_form
@acts_after_log_in
@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def reminder(request: MemberRequest, schedule_id: uuid.UUID) -> HttpResponse:
    if is_sent(request):
        return _set(request, schedule_id)
    found = reminders.find_reminder(user=request.user, schedule_id=schedule_id)
    return render(request, "concerts/reminder.html", {"found": found, "schedule": found.schedule})


def _set(request: MemberRequest, schedule_id: uuid.UUID) -> HttpResponse:
    origin = origin_of(request)
    if reminders.set_reminder(user=request.user, schedule_id=schedule_id, origin=origin):
        return redirect("reminder", schedule_id)
    messages.info(request, _("The sale of this performance is not to be opened any more."))
    found = reminders.find_reminder(user=request.user, schedule_id=schedule_id)
    return redirect(public_page(request, "concert_detail", found.schedule.concert_id))


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def withdraw_reminder(request: MemberRequest, schedule_id: uuid.UUID) -> HttpResponse:
    # A GET was sent when the log-in was over: back to the page with the button.
    if request.method == "POST":
        reminders.withdraw_reminder(user=request.user, schedule_id=schedule_id)
        messages.success(request, _("We will not remind you."))
    return redirect("reminder", schedule_id)
