"""Idempotency keys, and the admin's own log."""

from django.contrib import admin
from django.contrib.admin.models import LogEntry

from accounts.base_admin import ReadOnlyAdmin
from accounts.models import IdempotencyKey, KeptIdentity


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    # The answer is left out: it contains the user's tickets.
    fields = ("user", "key", "request_hash", "created_at")
    list_display = ("created_at", "user", "key")
    list_select_related = ("user",)
    search_fields = ("user__email", "key")
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


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """The changes that operators made in the admin."""

    fields = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr", "change_message")
    date_hierarchy = "action_time"
