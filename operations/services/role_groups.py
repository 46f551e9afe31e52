"""The groups of the roles (operations/roles.py)."""

from django.contrib.auth.models import Group, Permission
from django.db import transaction

from operations.roles import ROLES, Role


class UnknownPermission(Exception):
    """A role names a permission that no model has."""


def write_role_groups() -> None:
    """Make the groups of all roles and give each exactly its permissions; again without effect.

    Raises UnknownPermission.
    """
    with transaction.atomic():
        known = {
            f"{app}.{codename}": pk
            for pk, app, codename in Permission.objects.values_list(
                "pk", "content_type__app_label", "codename"
            )
        }
        for role in ROLES:
            _write(role, known)


def _write(role: Role, known: dict[str, int]) -> None:
    missing = role.permissions - known.keys()
    if missing:
        raise UnknownPermission(f"{role.group}: {', '.join(sorted(missing))}")
    group, _is_new = Group.objects.get_or_create(name=role.group)
    group.permissions.set([known[each] for each in role.permissions])
