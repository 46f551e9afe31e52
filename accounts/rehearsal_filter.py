"""A filter of the admin's lists: rehearsals are left out unless the operator selects them."""

import functools
from collections.abc import Iterator
from typing import Any

from django.contrib.admin import ModelAdmin, SimpleListFilter
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class RehearsalFilter(SimpleListFilter):
    """``path`` leads from a row to its field ``rehearsal``, or to its user."""

    path = ""
    title = _("rehearsals")
    parameter_name = "rehearsals"

    def lookups(
        self, request: HttpRequest, model_admin: "ModelAdmin[Any]"
    ) -> list[tuple[str, Any]]:
        return [("with", _("With rehearsals")), ("only", _("Rehearsals only"))]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        default, *others = super().choices(changelist)
        yield {**default, "display": gettext("Without rehearsals")}
        yield from others

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        match self.value():
            case "with":
                return queryset
            case "only":
                return queryset.filter(~self.real if self.is_direct else self.rehearsed)
            case _:
                return queryset.filter(self.real)

    @property
    def is_direct(self) -> bool:
        return self.path.endswith("rehearsal")

    @property
    def real(self) -> Q:
        return Q(**{self.path: ""}) if self.is_direct else ~self.rehearsed

    @property
    def rehearsed(self) -> Q:
        # A subquery instead of a join: rehearsals have few rows, and their buyers have a partial
        # index. Not ~real, whose double negation PostgreSQL answers by reading every row.
        return Q(**{f"{self.path}__in": User.objects.exclude(rehearsal="").values("pk")})


@functools.cache
def rehearsal_filter(path: str) -> type[RehearsalFilter]:
    """The filter for rows with this ``path`` to the field or to the user."""
    return type("RehearsalFilter", (RehearsalFilter,), {"path": path})
