"""Entries of the log in words, in the active language."""

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.text import Truncator, capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.acts import words_of
from accounts.models import Activity
from concertbook.admin.columns import to_the_second

# Names in ``old`` and ``new`` that are no field of the target.
NAMES = {
    "amount": _("amount"),
    "columns": _("columns"),
    "compensation": _("compensation"),
    "fee": _("fee"),
    "first": _("From"),
    "format": _("format"),
    "last": _("To"),
    "query": _("filter"),
    "refunds": _("refunds"),
    "rows": _("rows of seats"),
    "seats": _("seats"),
    "participants": _("participants"),
    "findings": _("findings"),
    "recipient": _("recipient"),
    "passkey": _("passkey"),
}


@dataclass(frozen=True)
class ValueChange:
    """A value before and after, each None where there is none."""

    label: str
    old: str | None
    new: str | None


@dataclass(frozen=True)
class Described:
    """An entry as it is shown. ``link`` is "" for a target without a page."""

    at: str
    who: str
    email: str
    act: str
    kind: str
    target: str
    link: str
    changes: list[ValueChange]
    reason: str


def described(entry: Activity) -> Described:
    """The entry in words; ``target_type`` costs no query."""
    return Described(
        at=to_the_second(entry.at),
        who=who(entry),
        email=entry.actor_email,
        act=words_of(entry.act),
        kind=kind_of(entry),
        target=entry.target_text or entry.target_key,
        link=link_to_target(entry),
        changes=list(changes_of(entry)),
        reason=entry.reason,
    )


def who(entry: Activity) -> str:
    """The actor's name or address; the system."""
    if entry.actor_id is None:
        return gettext("the system")
    return entry.actor_name or entry.actor_email or str(entry.actor_id)


def kind_of(entry: Activity) -> str:
    model = _model_of(entry)
    return "" if model is None else str(model._meta.verbose_name)


def link_to_target(entry: Activity) -> str:
    model = _model_of(entry)
    if model is None or not admin.site.is_registered(model):
        return ""
    try:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}_change"
        return reverse(name, args=[entry.target_key])
    except NoReverseMatch:
        return ""


def changes_of(entry: Activity) -> Iterator[ValueChange]:
    old, new = entry.old or {}, entry.new or {}
    model = _model_of(entry)
    for name in {**old, **new}:
        column = _column(model, name)
        yield ValueChange(
            label=_label(column, name),
            old=_value(column, old[name]) if name in old else None,
            new=_value(column, new[name]) if name in new else None,
        )


def _model_of(entry: Activity) -> Any:
    # Not by the entry's own relation: content types are cached by their manager.
    if entry.target_type_id is None:
        return None
    return ContentType.objects.get_for_id(entry.target_type_id).model_class()


def _column(model: Any, name: str) -> Any:
    """The target's own field of this name; rows that refer to it have the name by chance."""
    try:
        column = None if model is None else model._meta.get_field(name)
    except FieldDoesNotExist:
        return None
    is_own = column is None or not (column.is_relation and column.auto_created)
    return column if is_own else None


def _label(column: Any, name: str) -> str:
    words = NAMES.get(name, name) if column is None else getattr(column, "verbose_name", name)
    return str(capfirst(words))


def _value(column: Any, value: Any) -> str:
    if value is None or value == "":
        return "–"
    if isinstance(value, bool):
        return gettext("Yes") if value else gettext("No")
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list):
        return ", ".join(_value(None, each) for each in value) or "–"
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_value(None, each)}" for key, each in value.items())
    if column is not None and not column.is_relation:
        return _of_column(column, value)
    return Truncator(str(value)).chars(300)


def _of_column(column: Any, value: Any) -> str:
    try:
        read = column.to_python(value)
    except (ValidationError, ValueError, TypeError):
        read = value
    if isinstance(read, dt.datetime):
        return to_the_second(read) if timezone.is_aware(read) else str(read)
    choices = dict(column.flatchoices)
    return Truncator(str(choices.get(read, read))).chars(300)
