"""Idempotency keys, and the identities of deleted accounts."""

from django.contrib import admin
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import ReadOnlyAdmin, person
from accounts.models import IdempotencyKey, KeptIdentity


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


@admin.register(KeptIdentity)
class KeptIdentityAdmin(ReadOnlyAdmin):
    """Who contracts of deleted accounts were made with: for staff with this permission alone."""

    rehearsal_path = "user"
    fields = ("user", "name", "email", "deleted_at", "kept_until")
    list_display = ("user", "name", "email", "deleted_at", "kept_until")
    list_select_related = ("user",)
    search_fields = ("email", "name", "^user__id")
    ordering = ("-deleted_at",)
