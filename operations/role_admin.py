"""Roles in the admin: the groups of roles, who has which role, and who works for which concerts."""

from typing import Any, cast

from django.contrib import admin, messages
from django.contrib.auth.models import Group
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from unfold.admin import TabularInline

from accounts.admin.users import MANAGE_STAFF, GroupAdmin, UserAdmin
from accounts.models import User
from accounts.permission_words import group_words, permission_words
from accounts.services import second_factor
from concertbook.admin.versions import VersionedInline
from concertbook.templatetags.money import won
from concerts.models import StaffConcert
from operations.roles import BY_GROUP

admin.site.unregister(Group)
admin.site.unregister(User)


@admin.register(Group)
class RoleAdmin(GroupAdmin):
    """A role's group is shown and not changed: its permissions are those of operations/roles.py."""

    list_display = ("named", "duty")
    ordering = ("pk",)

    @admin.display(description=_("role"), ordering="name")
    def named(self, group: Group) -> str:
        return group_words(group)

    @admin.display(description=_("duty"))
    def duty(self, group: Group) -> Any:
        role = BY_GROUP.get(group.name)
        return role.duty if role else "–"

    @admin.display(description=_("credit to one person in 30 days, without a second person"))
    def credit_limit(self, group: Group) -> str:
        role = BY_GROUP.get(group.name)
        return won(role.credit_limit) if role and role.credit_limit else "–"

    @admin.display(description=_("permissions"))
    def may(self, group: Group) -> str:
        permissions = group.permissions.select_related("content_type")
        return "\n".join(permission_words(each) for each in permissions)

    def get_fieldsets(self, request: HttpRequest, obj: Group | None = None) -> Any:
        if obj is not None and obj.name in BY_GROUP:
            return ((None, {"fields": ("named", "duty", "credit_limit", "may")}),)
        return super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: Group | None = None) -> Any:
        return ("named", "duty", "credit_limit", "may")

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not _is_role(obj) and super().has_change_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return not _is_role(obj) and super().has_delete_permission(request, obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[Any, ...]:
        """The roles among the chosen groups are protected."""
        names, counts, perms, protected = super().get_deleted_objects(objs, request)
        roles = [group_words(group) for group in objs if _is_role(group)]
        return names, counts, perms, [*protected, *roles]


def _is_role(group: Any) -> bool:
    return isinstance(group, Group) and group.name in BY_GROUP


class StaffConcertInline(VersionedInline, TabularInline):  # type: ignore[misc]
    """Without a row the member of the staff works for all concerts."""

    model = StaffConcert
    autocomplete_fields = ("concert",)
    extra = 0


@admin.register(User)
class StaffAdmin(UserAdmin):
    """Users, with the roles of the staff and the concerts that they work for."""

    list_filter = (*UserAdmin.list_filter, "groups")  # type: ignore[assignment]

    actions = ("reset_second_factor",)

    def has_manage_staff_permission(self, request: HttpRequest) -> bool:
        return bool(request.user.has_perm(MANAGE_STAFF))

    @admin.action(
        description=_("Reset the second factor, and log out"), permissions=["manage_staff"]
    )
    def reset_second_factor(self, request: HttpRequest, queryset: QuerySet[User]) -> None:
        actor = cast(User, request.user)
        users = [user for user in queryset if self.has_change_permission(request, user)]
        count = sum(second_factor.reset(user=user, actor=actor) for user in users)
        said = ngettext(
            "%(count)d second factor was reset.", "%(count)d second factors were reset.", count
        )
        messages.success(request, said % {"count": count})

    def get_inlines(self, request: HttpRequest, obj: User | None) -> Any:
        # Not on one's own page: a limit is lifted by another person.
        if obj is None or obj == request.user or not obj.is_staff:
            return ()
        return (StaffConcertInline,)
