"""The settlement in the admin: a page for a period, and its download."""

import datetime as dt
from typing import Any, cast

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import action
from unfold.widgets import UnfoldAdminSelectWidget, UnfoldAdminTextInputWidget

from accounts.models import User
from accounts.second_factor import must_confirm
from concertbook.admin.exportable import EXPORT
from concertbook.errors import DomainError
from concerts.models import Concert
from concerts.services.staff_concerts import is_limited, limit
from operations.services.settlement import Settlement, note_settlement, settle_period
from operations.services.spreadsheet_files import CONTENT_TYPES
from operations.settlement_files import as_file, conclusion, file_name, headings, table
from payments.admin import PaymentAdmin
from payments.models import Payment

admin.site.unregister(Payment)

ROWS_SHOWN = 200
NEEDED = (
    "payments.view_payment",
    "payments.view_refund",
    "accounts.view_charge",
    "accounts.view_balancehistory",
)


class PeriodForm(forms.Form):
    """``settlement`` is set when the form is valid."""

    first = forms.DateField(
        label=_("From"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"})
    )
    last = forms.DateField(label=_("To"), widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}))
    concert = forms.ModelChoiceField(
        Concert.objects.visible_to(None).order_by("-start_time"),
        label=_("Concert"),
        required=False,
        empty_label=_("All concerts"),
        widget=UnfoldAdminSelectWidget,
    )

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        concert = self.fields["concert"]
        if is_limited(user) and isinstance(concert, forms.ModelChoiceField):
            concert.queryset = limit(user, concert.queryset, "pk")  # type: ignore[arg-type]
            concert.required = True

    def clean(self) -> None:
        cleaned = self.cleaned_data
        if not {"first", "last", "concert"} <= cleaned.keys():
            return
        concert = cleaned.get("concert")
        try:
            self.settlement: Settlement = settle_period(
                first=cleaned["first"],
                last=cleaned["last"],
                concert_id=concert.pk if concert else None,
            )
        except DomainError as refusal:
            raise forms.ValidationError(str(refusal.message)) from refusal


def may_settle(request: HttpRequest) -> bool:
    """Whether the operator may view every kind of record in the settlement."""
    return bool(request.user.has_perms(NEEDED))


@admin.register(Payment)
class SettledPaymentAdmin(PaymentAdmin):
    """Payments, with the button of the settlement."""

    actions_list = ("settlement",)

    def has_settlement_permission(self, request: HttpRequest) -> bool:
        return may_settle(request)

    @action(  # type: ignore[untyped-decorator]
        description=_("Settlement"), permissions=["settlement"], icon="summarize"
    )
    def settlement(self, request: HttpRequest) -> HttpResponse:
        asked = request.GET.get("first") is not None
        user = cast(User, request.user)
        form = PeriodForm(user, request.GET) if asked else PeriodForm(user, initial=_this_month())
        if not (asked and form.is_valid()):
            return self._page(request, form, {})
        format = request.GET.get("format", "")
        if format in CONTENT_TYPES:
            if not user.has_perm(EXPORT):
                raise PermissionDenied
            if (asked_again := must_confirm(request)) is not None:
                return asked_again
            note_settlement(
                settlement=form.settlement, format=format, actor=cast(User, request.user)
            )
            return _download(form.settlement, format)
        return self._page(request, form, _shown(form.settlement))

    def _page(self, request: HttpRequest, form: PeriodForm, shown: dict[str, Any]) -> HttpResponse:
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("Settlement"),
            "may_export": request.user.has_perm(EXPORT),
            "form": form,
            **shown,
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/operations/settlement.html", context)


def _this_month() -> dict[str, dt.date]:
    today = timezone.localdate()
    return {"first": today.replace(day=1), "last": today}


def _shown(settlement: Settlement) -> dict[str, Any]:
    """The beginning of the table, and always its end with the comparison."""
    ending = list(conclusion(settlement))
    _first, *rows = table(settlement)
    body = rows[: -len(ending)]
    return {
        "settlement": settlement,
        "headings": headings(),
        "rows": body[:ROWS_SHOWN],
        "left_out": max(0, len(body) - ROWS_SHOWN),
        "ending": ending,
    }


def _download(settlement: Settlement, format: str) -> HttpResponse:
    name = file_name(settlement, format=format)
    return HttpResponse(
        as_file(settlement, format=format),
        content_type=CONTENT_TYPES[format],
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
