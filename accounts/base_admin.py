"""Base classes of all apps' admin pages, with idempotent forms and the filter of rehearsals."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from accounts.idempotent_forms import IdempotentForms
from accounts.logged_forms import LoggedForms
from accounts.rehearsal_filter import rehearsal_filter
from accounts.templatetags.reasons import reason as in_words
from concertbook.admin.base import BaseAdmin, ReadOnly


class Admin(LoggedForms, IdempotentForms, BaseAdmin):
    """The base of every model's pages. A form acts once, is refused when its row has changed, and
    is logged with the values before and after."""

    # The path from a row to its rehearsal or its user: lists leave rehearsals out by default.
    rehearsal_path = ""

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        if not self.rehearsal_path:
            return filters
        return (*filters, rehearsal_filter(self.rehearsal_path))


class ReadOnlyAdmin(ReadOnly, Admin):
    """Pages that show rows and change nothing."""


@admin.display(description=_("reason"), ordering="reason")
def why(row: Any) -> str:
    """A column with the reason in words, as its user was told."""
    return in_words(row.reason) or "-"
