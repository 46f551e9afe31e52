"""Cancelling a schedule, on its page in the admin; here because concerts must not know refunds."""

import uuid
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_htmx.http import HttpResponseClientRedirect
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminRadioSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.second_factor import confirmed
from concertbook.templatetags.money import won as in_won
from concerts.admin.schedules import ConcertScheduleAdmin
from concerts.models import ConcertSchedule
from payments.services.schedule_cancellation import cancel_schedule, progress_of

admin.site.unregister(ConcertSchedule)


CANCELLATION = ("cancelled_at", "cancelled_by", "cancel_cause", "cancel_reason", "refunded")


class CancelScheduleForm(BaseDialogForm):  # type: ignore[misc]
    """Shows what each cause would cost, and asks for the cause and for a reason."""

    form_before_template = "admin/payments/what_cancelling_refunds.html"

    cause = forms.ChoiceField(
        label=_("Whose fault"),
        choices=ConcertSchedule.CancelCause.choices,
        help_text=_(
            "By the organiser's fault buyers get a tenth of the price on top, as the consumer "
            "standard says. It cannot be changed later."
        ),
        widget=UnfoldAdminRadioSelectWidget,
    )
    reason = forms.CharField(
        label=_("Why"),
        max_length=200,
        help_text=_("The buyers read this on their tickets."),
        widget=UnfoldAdminTextInputWidget,
    )

    def get_before_template_context(
        self, request: HttpRequest, object_id: Any = None
    ) -> dict[str, Any]:
        try:
            return {"progress": progress_of(schedule_id=uuid.UUID(object_id))}
        except ValueError:
            raise Http404 from None


@admin.register(ConcertSchedule)
class SoldScheduleAdmin(ConcertScheduleAdmin):
    list_display: Any = (*ConcertScheduleAdmin.list_display, "is_cancelled")
    actions_detail: Any = (*ConcertScheduleAdmin.actions_detail, "cancel", "refunds")

    def get_fieldsets(self, request: HttpRequest, obj: ConcertSchedule | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or obj.cancelled_at is None:
            return fieldsets
        fields = CANCELLATION
        return (*fieldsets, (_("Schedule cancellation"), {"fields": fields}))

    def get_readonly_fields(self, request: HttpRequest, obj: ConcertSchedule | None = None) -> Any:
        return (*super().get_readonly_fields(request, obj), *CANCELLATION)

    def has_change_permission(
        self, request: HttpRequest, obj: ConcertSchedule | None = None
    ) -> bool:
        # A cancelled schedule is read-only.
        live = not isinstance(obj, ConcertSchedule) or obj.cancelled_at is None
        return live and bool(super().has_change_permission(request, obj))

    def has_cancel_permission(self, request: HttpRequest, object_id: Any = None) -> bool:
        may = request.user.has_perm("concerts.cancel_concertschedule")
        return may and self.is_theirs(request, object_id)

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> Any:
        """The possible actions: none to generate or cancel once the schedule is cancelled."""
        schedule = self.get_object(request, object_id)
        off = schedule is not None and schedule.cancelled_at is not None
        return [
            each
            for each in super().get_actions_detail(request, object_id)
            if (each.method.original_function_name == "refunds") is off
        ]

    @display(  # type: ignore[untyped-decorator]
        description=_("cancelled"), label={"yes": "danger"}, ordering="cancelled_at"
    )
    def is_cancelled(self, schedule: ConcertSchedule) -> tuple[str, Any] | str:
        return ("yes", _("Cancelled")) if schedule.cancelled_at else ""

    @admin.display(description=_("refunded"))
    def refunded(self, schedule: ConcertSchedule) -> str:
        progress = progress_of(schedule_id=schedule.pk)
        told = gettext("%(done)s of %(all)s tickets, %(won)s of %(all_won)s") % {
            "done": f"{progress.refunded:,}",
            "all": f"{progress.tickets:,}",
            "won": in_won(progress.won_refunded),
            "all_won": in_won(progress.won),
        }
        if not progress.compensation:
            return told
        on_top = gettext("compensation %(won)s of %(all_won)s") % {
            "won": in_won(progress.won_compensated),
            "all_won": in_won(progress.compensation),
        }
        return f"{told}; {on_top}"

    @confirmed
    @action(  # type: ignore[untyped-decorator]
        description=_("Cancel this schedule"),
        permissions=["cancel"],
        icon="event_busy",
        variant=ActionVariant.DANGER,
        dialog={
            "title": _("Cancel this schedule?"),
            "description": _(
                "Nothing of it is sold any more, at once and for good. Holds end, and every "
                "ticket, used or not, is refunded in full to its buyer's balance. "
                "This cannot be undone."
            ),
            "form_class": CancelScheduleForm,
            "form_submit_text": _("Yes, cancel it and refund every buyer"),
        },
    )
    def cancel(
        self, request: HttpRequest, form: CancelScheduleForm, object_id: str
    ) -> HttpResponse:
        schedule = self._get(request, object_id)
        reason = form.cleaned_data["reason"]
        cause = ConcertSchedule.CancelCause(form.cleaned_data["cause"])
        by = cast(User, request.user)
        if cancel_schedule(schedule_id=schedule.pk, by=by, reason=reason, cause=cause):
            done = gettext("The schedule was cancelled. Its buyers are being refunded.")
            messages.success(request, done)
        else:
            messages.info(request, gettext("The schedule was cancelled before."))
        progress = reverse("admin:concerts_concertschedule_refunds", args=[schedule.pk])
        return HttpResponseClientRedirect(progress)

    @action(  # type: ignore[untyped-decorator]
        description=_("Refunds"), permissions=["view"], icon="undo"
    )
    def refunds(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """The progress of the refunds; the page reloads it until all are made."""
        schedule = self._get(request, object_id)
        if schedule.cancelled_at is None:
            raise Http404
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Refunds"),
            "subtitle": str(schedule),
            "schedule": schedule,
            "progress": progress_of(schedule_id=schedule.pk),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/payments/refund_progress.html", context)

    def _get(self, request: HttpRequest, object_id: str) -> ConcertSchedule:
        schedule: ConcertSchedule | None = self.get_object(request, object_id)
        if schedule is None:
            raise Http404
        return schedule
