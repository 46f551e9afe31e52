"""Filters of the admin's lists for tables of millions of rows."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin import ChoicesFieldListFilter
from django.db.models import QuerySet
from django.http import HttpRequest


def live_filter(field: str, **conditions: str) -> tuple[str, type[ChoicesFieldListFilter]]:
    """A filter by a choice. ``conditions`` name, for values that few rows have, the stored
    condition whose partial index finds them (concertbook/db/status.py)."""
    return field, type("LiveFilter", (_LiveFilter,), {"conditions": conditions})


class _LiveFilter(ChoicesFieldListFilter):
    conditions: Mapping[str, str]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen: Any = self.used_parameters.get(self.lookup_kwarg)
        condition = self.conditions.get(chosen[0] if chosen else "")
        narrowed: Any = super().queryset(request, queryset)
        chosen_rows: QuerySet[Any] = narrowed.filter(**{condition: True}) if condition else narrowed
        return chosen_rows
