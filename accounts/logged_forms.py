"""The admin's forms write into the log (accounts/services/activity.py) instead of Django's own.

Each changed row has an entry with the values before and after, rows of inlines too, so that a row's
history is under the row, whatever page it was changed on. Secrets are named without their values.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.core.exceptions import FieldDoesNotExist, PermissionDenied
from django.db import transaction
from django.db.models import BinaryField, Model
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils.translation import gettext

from accounts.log_words import described
from accounts.services import activity

SECRETS = {"password", "password1", "password2", "code", "seed", "refresh_id"}
HIDDEN = "***"
# Changed with every row; and what the database writes itself.
NOT_TOLD = {"updated_at", "created_at"}
HISTORY_ROWS = 200


@dataclass(frozen=True)
class RowChange:
    """A row that a form added, changed or deleted, with the values before and after."""

    row: Model
    act: str
    old: dict[str, Any] | None
    new: dict[str, Any] | None


# With the stubs' generic base every subclass would have to repeat Django's types.
ModelAdmin: Any = admin.ModelAdmin


class LoggedForms(ModelAdmin):  # type: ignore[misc]
    """For an admin whose forms write into the log, and whose history page shows it."""

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[RowChange]:
        """What the forms changed, for log_addition and log_change."""
        return [
            *_of_form(form, add),
            *(each for one in formsets or () for each in _of_formset(one)),
        ]

    def log_addition(self, request: Any, obj: Model, message: list[RowChange]) -> None:
        _record(request, message)

    def log_change(self, request: Any, obj: Model, message: list[RowChange]) -> None:
        _record(request, message)

    def log_deletions(self, request: Any, queryset: Iterable[Model]) -> None:
        _record(request, [RowChange(row, "row.delete", _stored(row), None) for row in queryset])

    def response_action(self, request: HttpRequest, queryset: Any) -> HttpResponse | None:
        # Django logs the rows before it deletes them, outside of any transaction.
        if request.POST.get("action") != "delete_selected":
            return super().response_action(request, queryset)  # type: ignore[no-any-return]
        with transaction.atomic():
            return super().response_action(request, queryset)  # type: ignore[no-any-return]

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: Any = None
    ) -> HttpResponse:
        """The entries of the log about this row, newest first."""
        if not self.has_view_or_change_permission(request):
            raise PermissionDenied
        row = self.get_object(request, unquote(object_id))
        if row is None:
            response: HttpResponse = self._get_obj_does_not_exist_redirect(
                request, self.opts, object_id
            )
            return response
        entries = activity.entries_of(row)[:HISTORY_ROWS]
        context = {
            **self.admin_site.each_context(request),
            "title": gettext("History: %s") % row,
            "subtitle": None,
            "entries": [described(entry) for entry in entries],
            "object": row,
            "opts": self.opts,
            "preserved_filters": self.get_preserved_filters(request),
            **(extra_context or {}),
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/object_history.html", context)


def _record(request: Any, changes: Iterable[RowChange]) -> None:
    with transaction.atomic():
        for change in changes:
            activity.record(
                actor=request.user,
                act=change.act,
                target=change.row,
                old=change.old,
                new=change.new,
            )


def _of_formset(formset: Any) -> Iterator[RowChange]:
    for row in formset.deleted_objects:
        yield RowChange(row, "row.delete", _stored(row), None)
    written = {row.pk for row in formset.new_objects}
    written |= {row.pk for row, _names in formset.changed_objects}
    for form in formset.forms:
        if form.instance.pk in written:
            yield from _of_form(form, form.instance.pk in {row.pk for row in formset.new_objects})


def _of_form(form: Any, add: bool) -> Iterator[RowChange]:
    """Nothing for a form that was sent without a change."""
    row = getattr(form, "instance", None) or form.user
    names = [*form.changed_data, *getattr(form, "also_edited", ())]
    after = {name: _shown(name, _after(form, row, name)) for name in names if name not in NOT_TOLD}
    if add:
        yield RowChange(
            row, "row.add", None, {k: v for k, v in after.items() if v not in ("", None)}
        )
    elif after:
        before = {name: _shown(name, _before(form, row, name)) for name in after}
        yield RowChange(row, "row.change", before, after)


def _after(form: Any, row: Any, name: str) -> Any:
    if name in form.cleaned_data:
        return form.cleaned_data[name]
    return getattr(row, name)


def _before(form: Any, row: Any, name: str) -> Any:
    value = form.initial.get(name)
    column = _column(row, name)
    if column is not None and column.many_to_one and value is not None:
        related = column.related_model._base_manager.filter(pk=getattr(value, "pk", value)).first()
        return related or value
    return value


def _stored(row: Any) -> dict[str, Any]:
    """The values of a row that is being deleted."""
    columns = [
        column
        for column in row._meta.concrete_fields
        if not isinstance(column, BinaryField) and column.name not in NOT_TOLD
    ]
    values = {column.name: getattr(row, column.name) for column in columns}
    return {name: _shown(name, value) for name, value in values.items() if value not in ("", None)}


def _shown(name: str, value: Any) -> Any:
    return HIDDEN if name in SECRETS else activity.plain(value)


def _column(row: Any, name: str) -> Any:
    try:
        return row._meta.get_field(name)
    except FieldDoesNotExist:
        return None
