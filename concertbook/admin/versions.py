"""Admin forms that refuse to overwrite changes made since they were opened.

1. When a page is opened, the values of its forms' rows go into a signed hidden field (``seal``).
2. When it is sent, the rows are locked, and each form compares the hidden values with its row.
3. If they differ, nothing is saved. The form names the changed fields and their operators, and
   shows the current values next to the operator's; sent again, it is saved.
4. If they are equal, only the columns that the operator edited are written.

A dialog that changes a row is such a form as well (``VersionedDialog``).

A form sent without the hidden field, by a script, is not compared. A field that was not sent at
all is not changed.
"""

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ClassVar

from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.contenttypes.models import ContentType
from django.core import signing
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db import transaction
from django.db.models import ManyToManyField, Model, QuerySet
from django.forms.models import _get_foreign_key  # as the inline itself finds its key
from django.forms.utils import ErrorDict
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html_join
from django.utils.text import Truncator
from django.utils.translation import gettext
from unfold.forms import BaseDialogForm

from concertbook.db.rows import is_saved

VERSION = "_version"
SALT = "concertbook.admin.version"

# With the stubs' generic base every subclass would have to repeat Django's types.
ModelAdmin: Any = admin.ModelAdmin
InlineModelAdmin: Any = admin.options.InlineModelAdmin

# A row's fields as text; of a many-to-many field the keys.
Values = dict[str, str | list[str] | None]


class VersionedForm(forms.ModelForm):  # type: ignore[type-arg]
    """Refused when its row has changed since the page was opened."""

    # Set per request: why the form is refused although its row is unchanged.
    refusal: ClassVar[str | None] = None

    @property
    def row_values(self) -> Values:
        """The row's values of the fields that this form can change."""
        return {
            name: _as_text(self.initial.get(name))
            for name, field in self.fields.items()
            if not field.disabled and self._column(name) is not None
        }

    @property
    def is_change(self) -> bool:
        return is_saved(self.instance)

    def save_edited(self) -> None:
        """Write the edited columns, and ``updated_at`` where the row has one.

        ``also_edited`` of a form names the columns that it set besides those of its fields.
        """
        columns = self.instance._meta.concrete_fields
        names = {*self.changed_data, *getattr(self, "also_edited", ())}
        edited = [column.name for column in columns if column.name in names]
        if edited:
            stamps = [column.name for column in columns if getattr(column, "auto_now", False)]
            self.instance.save(update_fields=[*edited, *stamps])

    def save(self, commit: bool = True) -> Any:
        if not (commit and self.is_change) or self.errors:
            return super().save(commit)
        self.save_edited()
        # What save() does besides: private, pinned in tests/project/test_private_apis.py.
        self._save_m2m()  # type: ignore[attr-defined]
        return self.instance

    def full_clean(self) -> None:
        complaint = self._complaint() if self.is_bound else None
        if complaint is not None:
            # Before the fields are looked at (pinned in tests/project/test_private_apis.py).
            self._errors = ErrorDict()
            self.cleaned_data = {}
            self.add_error(None, complaint)
        elif self.is_bound and self.is_change:
            with self._omitted_fields_kept():
                super().full_clean()
        else:
            super().full_clean()

    def _complaint(self) -> ValidationError | None:
        text = self.data.get(VERSION)
        if self.is_change and text is not None:
            try:
                last_entry, rows = signing.loads(text, salt=SALT)
            except signing.BadSignature:
                return ValidationError(gettext("This form is damaged. Please open it again."))
            opened: Values = rows.get(_row_key(self.instance), {})
            now = self.row_values
            changed = {
                name: (opened[name], now[name])
                for name in now
                if name in opened and opened[name] != now[name]
            }
            if changed:
                self._show_present_values(opened)
                return ValidationError(self._explain(changed, last_entry))
        return None if self.refusal is None else ValidationError(self.refusal)

    def _show_present_values(self, opened: Values) -> None:
        """Show the current value of each field that the operator did not edit."""
        for name, text in opened.items():
            field = self.fields.get(name)
            if field is not None and not self._was_edited(name, field, text):
                field.bound_data = _the_initial  # type: ignore[method-assign]

    def _was_edited(self, name: str, field: forms.Field, text: Any) -> bool:
        value = text if isinstance(text, list) else _from_text(self._column(name), text)
        if isinstance(value, dt.datetime) and not field.widget.supports_microseconds:
            value = value.replace(microsecond=0)
        return field.has_changed(value, self[name].data)

    def _explain(self, changed: dict[str, tuple[Any, Any]], last_entry: int) -> str:
        said = gettext(
            "Not saved: this %(thing)s was changed after you opened the form, by %(who)s."
        ) % {
            "thing": self.instance._meta.verbose_name,
            "who": who_changed(self.instance, last_entry),
        }
        lines = [
            f"{self.fields[name].label or name}: {self._difference(name, before, after)}"
            for name, (before, after) in changed.items()
        ]
        advice = gettext(
            "What you edited is still in the form; all else is shown as it is now. "
            "Please check it and save again."
        )
        return format_html_join("", "{}<br>", [(line,) for line in (said, *lines, advice)])

    def _difference(self, name: str, before: Any, after: Any) -> str:
        column = self._column(name)
        if isinstance(column, ManyToManyField):
            return ", ".join(
                f"{sign}{_shown(column, key)}"
                for sign, keys in (
                    ("+", sorted(set(after) - set(before))),
                    ("−", sorted(set(before) - set(after))),
                )
                for key in keys
            )
        return f"{_shown(column, before)} → {_shown(column, after)}"

    def _column(self, name: str) -> Any:
        try:
            return self.instance._meta.get_field(name)
        except FieldDoesNotExist:
            return None

    @contextmanager
    def _omitted_fields_kept(self) -> Iterator[None]:
        omitted = [
            field
            for name, field in self.fields.items()
            if not field.disabled
            and self._column(name) is not None
            and field.widget.value_omitted_from_data(self.data, self.files, self.add_prefix(name))
        ]
        for field in omitted:
            field.disabled = True
        try:
            yield
            self.changed_data  # noqa: B018  (kept by Django; an omitted field is not in it)
        finally:
            for field in omitted:
                field.disabled = False


def _the_initial(data: Any, initial: Any) -> Any:
    return initial


def versioned(form: Any, refusal: str | None = None) -> Any:
    """The form class with the comparison of versions added."""
    bases = (form,) if issubclass(form, VersionedForm) else (VersionedForm, form)
    return type(form.__name__, bases, {"refusal": refusal})


def seal(opened: Iterable[Any], last_entry: int) -> str:
    """The hidden field's value for a page with these forms."""
    rows = {
        _row_key(form.instance): form.row_values
        for form in opened
        if isinstance(form, VersionedForm) and form.is_change
    }
    return signing.dumps([last_entry, rows], salt=SALT, compress=True)


def seal_page(last_entry: int, shown: Any) -> str:
    """The hidden field's value for a page without model forms: the values that it showed."""
    return signing.dumps([last_entry, shown], salt=SALT)


def opened_page(request: HttpRequest) -> tuple[int, Any] | None:
    """The value that seal_page sealed for the page that was sent; None without the hidden field.

    Raises signing.BadSignature.
    """
    return open_seal(request.POST.get(VERSION))


def open_seal(text: str | None) -> tuple[int, Any] | None:
    """The value that seal_page sealed. Raises signing.BadSignature."""
    if text is None:
        return None
    last_entry, shown = signing.loads(text, salt=SALT)
    return last_entry, shown


class VersionedDialog(BaseDialogForm, VersionedForm):  # type: ignore[misc]
    """For a dialog that changes a row. ``Meta`` names the columns that it writes, shown or hidden.

    Its action is decorated with row_locked. Raises Http404 where there is no such row.
    """

    form_before_template = "admin/versioned_dialog.html"

    def __init__(self, **kwargs: Any) -> None:
        # Read before the row, as on a page.
        self.last_entry = last_log_entry()
        row = _row_of(self._meta.model, kwargs["object_id"])
        if row is None:
            raise Http404
        super().__init__(instance=row, **kwargs)

    def get_before_template_context(
        self, request: HttpRequest, object_id: Any = None
    ) -> dict[str, Any]:
        return {"form": self, "hidden_inputs": {VERSION: seal([self], self.last_entry)}}


def _row_of(model: type[Model], object_id: str) -> Model | None:
    try:
        return model._base_manager.filter(pk=unquote(object_id)).first()
    except (ValueError, ValidationError):
        return None


def row_locked(view: Callable[..., HttpResponse]) -> Any:
    """Lock the row of an action with a VersionedDialog, so that it cannot change after the
    check."""

    @wraps(view)
    def locked(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        with transaction.atomic():
            if request.method == "POST":
                self._lock_rows(request, unquote(object_id))
            return view(self, request, object_id=object_id)

    return locked


class VersionedForms(ModelAdmin):  # type: ignore[misc]
    """For an admin whose change form, with its inlines, carries the version of its rows."""

    change_form_before_template = "admin/hidden_inputs.html"

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form = kwargs.pop("form", self.form)
        refusal = getattr(request, "form_refusal", None)
        return super().get_form(request, obj, change, form=versioned(form, refusal), **kwargs)

    # Inside the transaction that changeform_view opens, which calls this private method
    # (pinned in tests/project/test_private_apis.py).
    def _changeform_view(
        self, request: Any, object_id: str | None, form_url: str, extra_context: Any
    ) -> Any:
        if object_id is not None:
            if request.method == "POST":
                self._lock_rows(request, unquote(object_id))
            # Read before the row: every later change has a later log entry.
            request.last_log_entry = last_log_entry()
        return super()._changeform_view(request, object_id, form_url, extra_context)

    def _lock_rows(self, request: HttpRequest, key: str) -> None:
        """Lock the row, then the rows of its inlines in the order of their keys."""
        try:
            pk = self.opts.pk.to_python(key)
        except ValidationError:
            return
        list(_locked(self.model).filter(pk=pk))
        for inline in self.get_inline_instances(request):
            fk = _get_foreign_key(self.model, inline.model, fk_name=inline.fk_name)
            list(_locked(inline.model).filter(**{fk.name: pk}).order_by("pk"))

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        obj = context.get("original")
        if obj is not None and self.has_change_permission(request, obj):
            opened = [context["adminform"].form]
            for inline in context["inline_admin_formsets"]:
                opened += inline.formset.initial_forms
            last_entry = getattr(request, "last_log_entry", 0)
            context.setdefault("hidden_inputs", {})[VERSION] = seal(opened, last_entry)
        return super().render_change_form(request, context, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if change:
            form.save_edited()
        else:
            super().save_model(request, obj, form, change)


class VersionedInline(InlineModelAdmin):  # type: ignore[misc]
    """For an inline of such an admin."""

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> Any:
        form = kwargs.pop("form", self.form)
        return super().get_formset(request, obj, form=versioned(form), **kwargs)


def _locked(model: type[Model]) -> QuerySet[Any]:
    return model._base_manager.select_for_update(no_key=True)


def _row_key(row: Model) -> str:
    return f"{row._meta.label_lower}:{row.pk}"


def _as_text(value: Any) -> str | list[str] | None:
    if value is None:
        return None
    if isinstance(value, list | tuple):
        return sorted(str(getattr(each, "pk", each)) for each in value)
    return value.isoformat() if isinstance(value, dt.date) else str(value)


def _from_text(column: Any, text: str | None) -> Any:
    return None if text is None else column.to_python(text)


def _shown(column: Any, text: str | None) -> str:
    """A value as text for the operator; a row by its name."""
    if text is None or text == "":
        return "–"
    if column.remote_field is not None:
        related: Any = column.related_model
        return str(related._base_manager.filter(pk=text).first() or text)
    value = _from_text(column, text)
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, dt.datetime):
        return f"{timezone.localtime(value):%Y-%m-%d %H:%M:%S}"
    choices = dict(column.flatchoices)
    return str(choices.get(value, Truncator(value).chars(100)))


def last_log_entry() -> int:
    """The number of the last entry of the log."""
    return _log().objects.order_by("-pk").values_list("pk", flat=True).first() or 0


def who_changed(row: Model, last_entry: int) -> str:
    """The operators who changed the row after this entry of the log, with the time."""
    kind = ContentType.objects.get_for_model(row)
    entries = _log().objects.filter(
        target_type=kind, target_key=str(row.pk), pk__gt=last_entry, actor__isnull=False
    )
    names = {
        entry.actor_id: f"{entry.actor_name or entry.actor_email}"
        f" ({timezone.localtime(entry.at):%H:%M:%S})"
        for entry in entries.order_by("pk")
    }
    return ", ".join(names.values()) or gettext("the sale or a program")


def _log() -> Any:
    """The model of the log: an app's, which these tools do not know."""
    return apps.get_model(settings.LOG_MODEL)
