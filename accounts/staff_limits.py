"""Members of the staff who work for certain concerts only, as the admin's base class asks.

Accounts know no concerts: settings.STAFF_LIMITS names the module that does.
"""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest

# With the stubs' generic base every subclass would have to repeat Django's types.
ModelAdmin: Any = admin.ModelAdmin


class LimitedToConcerts(ModelAdmin):  # type: ignore[misc]
    """For an admin whose rows belong to a concert: its lists, forms, choices and actions have the
    rows of the member's concerts only. Rows of another concert are not found."""

    # The path from a row to its concert; "" for rows of no concert (people, money, the log).
    concert_path = ""

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        if not self.concert_path:
            return rows
        limited: QuerySet[Any] = _limits().limit(request.user, rows, self.concert_path)
        return limited

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.is_theirs(request, obj) and bool(super().has_change_permission(request, obj))

    def is_theirs(self, request: HttpRequest, row: Any) -> bool:
        """Whether the row, or the row with this key, is of one of their concerts. A dialog shows
        figures of its row before it looks for the row in the list."""
        if row is None or not self.concert_path or not _limits().is_limited(request.user):
            return True
        try:
            rows = self.model._base_manager.filter(pk=getattr(row, "pk", row))
        except (ValueError, ValidationError):
            return True
        return bool(_limits().limit(request.user, rows, self.concert_path).exists())

    def has_add_permission(self, request: HttpRequest) -> bool:
        # A new concert would be none of theirs; a new room would belong to no concert yet.
        if self.concert_path in ("pk", "concerts") and _limits().is_limited(request.user):
            return False
        return bool(super().has_add_permission(request))

    def get_field_queryset(self, db: Any, db_field: Any, request: HttpRequest) -> Any:
        """The rows that a form offers for a foreign key."""
        rows = super().get_field_queryset(db, db_field, request)
        its = self.admin_site._registry.get(db_field.remote_field.model)
        if not isinstance(its, LimitedToConcerts) or not its.concert_path:
            return rows
        if rows is None:
            rows = db_field.remote_field.model._default_manager.all()
        return _limits().limit(request.user, rows, its.concert_path)


def _limits() -> Any:
    return import_module(settings.STAFF_LIMITS)
