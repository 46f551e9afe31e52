"""Reports by mail in the admin: which report, of which days, when, and to whom."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import UnfoldAdminSelectWidget

from accounts.base_admin import Admin
from concerts.services.staff_concerts import is_limited
from operations.models import ReportMail
from operations.services.report_mails import may_receive
from operations.services.reports import REPORTS, may_take_away

# Each gets a file of their own.
MOST_RECIPIENTS = 20


class ReportMailForm(forms.ModelForm):  # type: ignore[type-arg]
    """``user`` is set by the admin."""

    user: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "concert" in self.fields and is_limited(self.user):
            self.fields["concert"].required = True

    def clean_recipients(self) -> Any:
        recipients = self.cleaned_data["recipients"]
        if len(recipients) > MOST_RECIPIENTS:
            raise ValidationError(
                gettext("At most %(most)d recipients.") % {"most": MOST_RECIPIENTS}
            )
        return recipients

    def clean(self) -> None:
        super().clean()
        report, recipients = self.cleaned_data.get("report"), self.cleaned_data.get("recipients")
        if report is None or recipients is None:
            return
        without = [str(user) for user in recipients if not may_receive(user, report)]
        if without:
            said = gettext("May not export this report: %(names)s")
            self.add_error("recipients", said % {"names": ", ".join(without)})


@admin.register(ReportMail)
class ReportMailAdmin(Admin):
    form = ReportMailForm
    concert_path = "concert"
    fields = (("report", "format"), ("concert", "span"), ("weekday", "hour"), "recipients")
    list_display = ("title", "concert", "span", "weekday_in_words", "hour", "last_due_at")
    list_select_related = ("concert",)
    autocomplete_fields = ("concert", "recipients")
    search_fields = ("report",)

    @admin.display(description=_("report"), ordering="report")
    def title(self, mail: ReportMail) -> str:
        return str(REPORTS[mail.report].title) if mail.report in REPORTS else mail.report

    @admin.display(description=_("weekday"), ordering="weekday")
    def weekday_in_words(self, mail: ReportMail) -> str:
        return gettext("every day") if mail.weekday is None else str(mail.get_weekday_display())

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        form.user = request.user
        return form

    def formfield_for_dbfield(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name != "report":
            return super().formfield_for_dbfield(db_field, request, **kwargs)
        mine = [each for each in REPORTS.values() if may_take_away(request.user, each)]
        return forms.ChoiceField(
            label=_("Report"),
            choices=[(each.slug, each.title) for each in mine],
            widget=UnfoldAdminSelectWidget,
        )
