"""Idempotency keys, and the identities of deleted accounts."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import ReadOnlyAdmin, person
from accounts.models import IdempotencyKey, KeptIdentity
from accounts.services.owed_money import with_owed
from concertbook.templatetags.money import won


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    # The answer is left out: it contains the user's tickets.
    fields = ("user", "key", "request_hash", "created_at")
    list_display = ("created_at", person("user", _("user")), "key")
    list_select_related = ("user",)
    user_paths = ("user",)
    sortable_by = ("created_at",)
    ordering = ("-created_at",)


class OwedMoneyFilter(admin.SimpleListFilter):
    title = _("money")
    parameter_name = "owed"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("yes", _("Money is owed"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(owed__gt=0) if self.value() == "yes" else queryset


@admin.register(KeptIdentity)
class KeptIdentityAdmin(ReadOnlyAdmin):
    """Who contracts of deleted accounts were made with: for staff with this permission alone."""

    rehearsal_path = "user"
    fields = ("user", "name", "email", "deleted_at", "kept_until", "owed")
    list_display = ("user", "name", "email", "owed", "deleted_at", "kept_until")
    list_filter = (OwedMoneyFilter,)
    list_select_related = ("user",)
    search_fields = ("email", "name", "^user__id")
    ordering = ("-deleted_at",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        return with_owed(super().get_queryset(request))

    @admin.display(description=_("owed"), ordering="owed")
    def owed(self, identity: Any) -> str:
        return won(identity.owed) if identity.owed else "–"
