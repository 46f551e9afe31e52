"""Permissions and groups in the reader's language; Django stores English names."""

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.utils.text import capfirst
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

VERBS = {"add": _("add"), "change": _("edit"), "delete": _("remove"), "view": _("view")}


def permission_words(permission: Permission) -> str:
    """``Concerts · schedule: edit``. ``content_type`` costs no query when it is selected."""
    model: Any = permission.content_type.model_class()
    if model is None:
        return permission.name
    app = capfirst(model._meta.app_config.verbose_name)
    verb, _underscore, name = permission.codename.partition("_")
    if name == permission.content_type.model and verb in VERBS:
        return f"{app} · {model._meta.verbose_name}: {VERBS[verb]}"
    return f"{app} · {gettext(permission.name)}"


def group_words(group: Group) -> str:
    """The name of a role, translated; any other group's own name."""
    return gettext(group.name) if group.name else ""


def in_words(field: Any) -> Any:
    """The form field with its permissions or groups in the reader's language."""
    if field is not None:
        model = field.queryset.model
        if model is Permission:
            field.queryset = field.queryset.select_related("content_type")
            field.label_from_instance = permission_words
        elif model is Group:
            field.label_from_instance = group_words
    return field
