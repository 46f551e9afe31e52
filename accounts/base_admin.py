"""Base classes of all apps' admin pages, with idempotent forms and the filter of rehearsals."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _

from accounts.idempotent_forms import IdempotentForms
from accounts.logged_forms import LoggedForms
from accounts.rehearsal_filter import rehearsal_filter
from accounts.services.user_search import find_users
from accounts.staff_limits import LimitedToConcerts
from accounts.templatetags.reasons import reason as in_words
from concertbook.admin.base import BaseAdmin, ReadOnly
from concertbook.db.prefix import id_range

FOUND_BY = _("The beginning of an e-mail address or a name, or the first eight characters of an id")
# A search goes on with this many keys of related rows.
MOST_KEYS = 1000


class Admin(LimitedToConcerts, LoggedForms, IdempotentForms, BaseAdmin):
    """The base of every model's pages. A form acts once, is refused when its row has changed, and
    is logged with the values before and after."""

    # The path from a row to its rehearsal or its user: lists leave rehearsals out by default.
    rehearsal_path = ""

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        if not self.rehearsal_path:
            return filters
        return (*filters, rehearsal_filter(self.rehearsal_path))


class FoundByUser(Admin):
    """For tables of millions of rows: users and related rows are looked up first, by their
    indexes, and then the rows by keys. A search for parts of a text would read the whole table.
    """

    # The paths from a row to the users that it is found by, and to the ids.
    user_paths: Sequence[str] = ()
    id_paths: Sequence[str] = ()

    @property
    def search_help_text(self) -> Any:
        return FOUND_BY if self.user_paths else ""

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        return (*self.user_paths, *self.id_paths) or super().get_search_fields(request)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        if not self.user_paths or not search_term.strip():
            found: tuple[QuerySet[Any], bool] = super().get_search_results(
                request, queryset, search_term
            )
            return found
        return queryset.filter(self.found_by(search_term)), False

    def found_by(self, text: str) -> Q:
        """The rows that a search for this text finds."""
        ids = id_range(text)
        found = _none()
        for path in self.id_paths if ids else ():
            found |= keyed(self.model, f"{path}__range", ids)
        users = [user.pk for user in find_users(text)]
        for path in self.user_paths if users else ():
            found |= keyed(self.model, f"{path}__in", users)
        return found


def _none() -> Q:
    return Q(pk__in=[])


def keyed(model: Any, lookup: str, values: Any) -> Q:
    """The condition ``lookup=values`` without a join: related rows are replaced by their keys, at
    most MOST_KEYS, as an OR over two tables uses no index."""
    first, rest = lookup.split("__", 1)
    field = model._meta.get_field(first)
    if "__" not in rest or rest.startswith("id__"):
        return Q(**{lookup: values})
    related = field.related_model
    rows = related._base_manager.filter(keyed(related, rest, values))
    return Q(**{f"{first}__in": list(rows.values_list("pk", flat=True)[:MOST_KEYS])})


class ReadOnlyAdmin(ReadOnly, FoundByUser):
    """Pages that show rows and change nothing."""


def person(path: str, description: Any) -> Any:
    """A column with the name and the address of a row's user; ``path`` leads to the user."""

    @admin.display(description=description)
    def show(row: Any) -> SafeString | str:
        user = reduce(getattr, path.split("."), row)
        if user is None:
            return "-"
        if not user.name:
            return str(user)
        return format_html(
            '{}<br><span class="text-subtle">{}</span>', user.name, user.email or "-"
        )

    return show


@admin.display(description=_("reason"))
def why(row: Any) -> str:
    """A column with the reason in words, as its user was told."""
    return in_words(row.reason) or "-"
