"""The lists of the admin, one for each model that has one."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.contrib import admin


def registered_admins() -> Iterator[Any]:
    """The ModelAdmin of each model that has one."""
    for model in apps.get_models():
        if admin.site.is_registered(model):
            yield admin.site.get_model_admin(model)
