from typing import Any

from django.apps import AppConfig
from django.db.models.signals import post_migrate
from django.utils.translation import gettext_lazy as _


class OperationsConfig(AppConfig):
    name = "operations"
    verbose_name = _("Operations")

    def ready(self) -> None:
        # Permissions are made after the migrations, so no migration can give them to a group. This
        # app is the last one: those of all others are there.
        post_migrate.connect(_write_role_groups, sender=self)


def _write_role_groups(apps: Any, **_options: Any) -> None:
    from operations.services.role_groups import write_role_groups

    # Not while the migrations go back to before the groups were there.
    if any(model._meta.label == "operations.Export" for model in apps.get_models()):
        write_role_groups()
