"""Base classes of the admin's pages."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Model
from django.http import HttpRequest
from unfold.admin import ModelAdmin

from concertbook.admin.paging import UncountedList
from concertbook.admin.versions import VersionedForms
from concertbook.db.search import LooksLike


class BaseAdmin(VersionedForms, ModelAdmin):  # type: ignore[misc]
    """A list makes the same number of queries for any number of rows, and counts none; a stale
    form is refused."""

    list_per_page = 50
    # Not the rows of a page that was not read.
    list_disable_select_all = True
    list_filter_submit = True
    show_full_result_count = False
    warn_unsaved_form = True

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[UncountedList]:
        return UncountedList

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        """Search for parts of a text as the site does (concertbook.db.search)."""
        fields = super().get_search_fields(request)
        return [name if name[0] in "^=@" else f"{name}__{LooksLike.lookup_name}" for name in fields]


class ReadOnly(ModelAdmin):  # type: ignore[misc]
    """Rows that only the sale writes: operators can view them. Subclasses set ``fields``."""

    actions = None
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        return tuple(self.fields)
