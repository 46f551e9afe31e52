"""Balances, their history and charges."""

from typing import ClassVar

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import ReadOnlyAdmin, person, why
from accounts.models import Balance, BalanceHistory, Charge, Credit
from concertbook.admin.columns import Colors, colored, won
from concertbook.admin.exportable import Exportable
from concertbook.http.spreadsheets import SafeResource


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    fields = ("user", won("amount", _("amount")), "last_seq", "created_at", "updated_at")
    list_display = (
        person("user", _("user")),
        won("amount", _("amount")),
        "last_seq",
        "updated_at",
    )
    list_select_related = ("user",)
    user_paths = ("user",)
    # By time it would need an index, which every payment would write.
    ordering = ("-id",)
    sortable_by = ()


OUTCOME_COLORS: Colors = {"SUCCESS": "success", "FAILED": "danger", "PENDING": "warning"}


class BalanceHistoryResource(SafeResource):
    class Meta:
        model = BalanceHistory
        fields = export_order = (
            "id",
            "created_at",
            "balance__user__email",
            "seq",
            "type",
            "status",
            "amount",
            "delta",
            "balance_after",
            "reason",
            "source",
        )


@admin.register(BalanceHistory)
class BalanceHistoryAdmin(Exportable, ReadOnlyAdmin):
    rehearsal_path = "balance__user"
    resource_classes: ClassVar = [BalanceHistoryResource]
    fields = (
        "created_at",
        "balance",
        "seq",
        "type",
        "status",
        won("amount", _("amount")),
        won("delta", _("change")),
        won("balance_after", _("balance after")),
        "reason",
        "source",
    )
    list_display = (
        "created_at",
        person("balance.user", _("user")),
        "type",
        colored("status", _("status"), OUTCOME_COLORS),
        won("delta", _("change")),
        won("balance_after", _("balance after")),
        won("amount", _("amount")),
        why,
    )
    list_filter = ("type", "status")
    list_select_related = ("balance__user",)
    user_paths = ("balance__user",)
    id_paths = ("source",)
    sortable_by = ()


class ChargeResource(SafeResource):
    class Meta:
        model = Charge
        fields = export_order = (
            "id",
            "created_at",
            "user__email",
            "amount",
            "status",
            "reason",
            "charged_at",
        )


@admin.register(Charge)
class ChargeAdmin(Exportable, ReadOnlyAdmin):
    rehearsal_path = "user"
    resource_classes: ClassVar = [ChargeResource]
    newest_by = "created_at"
    fields = (
        "user",
        won("amount", _("amount")),
        "status",
        "reason",
        "key",
        "created_at",
        "charged_at",
    )
    list_display = (
        "created_at",
        person("user", _("user")),
        won("amount", _("amount")),
        colored("status", _("status"), OUTCOME_COLORS),
        why,
        "charged_at",
    )
    sortable_by = ("created_at",)
    list_filter = ("status",)
    list_select_related = ("user",)
    user_paths = ("user",)
    id_paths = ("id",)


class CreditResource(SafeResource):
    class Meta:
        model = Credit
        fields = export_order = (
            "id",
            "asked_at",
            "user__email",
            "amount",
            "alone",
            "state",
            "reason",
            "asked_by__email",
            "decided_by__email",
            "decided_at",
        )


CREDIT_COLORS: Colors = {"GIVEN": "success", "REFUSED": "danger", "WAITING": "warning"}


@admin.register(Credit)
class CreditAdmin(Exportable, ReadOnlyAdmin):
    """They are given and decided on the person's page (operations/console/person_acts.py)."""

    rehearsal_path = "user"
    resource_classes: ClassVar = [CreditResource]
    newest_by = "asked_at"
    fields = (
        "user",
        won("amount", _("amount")),
        won("alone", _("may be given alone")),
        "state",
        "reason",
        "asked_by",
        "asked_at",
        "decided_by",
        "decided_at",
    )
    list_display = (
        "asked_at",
        person("user", _("user")),
        won("amount", _("amount")),
        colored("state", _("state"), CREDIT_COLORS),
        "reason",
        person("asked_by", _("asked for by")),
        person("decided_by", _("decided by")),
    )
    sortable_by = ("asked_at",)
    list_filter = ("state",)
    list_select_related = ("user", "asked_by", "decided_by")
    user_paths = ("user", "asked_by")
    id_paths = ("id",)
