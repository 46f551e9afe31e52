"""Users and groups, and the rules for changing them."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group, Permission
from django.core import signing
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.crypto import salted_hmac
from django.utils.decorators import method_decorator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.base_admin import Admin, FoundByUser
from accounts.email_addresses import clean_email
from accounts.models import User
from accounts.permission_words import in_words
from accounts.services.email_change import request_proof, set_email
from accounts.services.password_change import tell_new_password
from accounts.services.user_search import find_users
from concertbook.admin.versions import (
    VERSION,
    last_log_entry,
    open_seal,
    seal_page,
    who_changed,
)
from concertbook.db.prefix import id_range
from concertbook.http.origin import origin_of
from concertbook.templatetags.money import won as in_won

MANAGE_STAFF = "accounts.manage_staff"


class UserAddForm(UserCreationForm):  # type: ignore[misc]
    usable_password = None

    class Meta:
        model = User
        fields = ("email", "name")

    def clean_email(self) -> str:
        return clean_email(self.cleaned_data["email"])


class UserForm(UserChangeForm):  # type: ignore[misc]
    class Meta:
        model = User
        fields = "__all__"

    def clean_email(self) -> str:
        return clean_email(self.cleaned_data["email"])


class PasswordForm(AdminPasswordChangeForm):  # type: ignore[misc]
    """Refused when the user's password was changed since the page was opened."""

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        version = forms.CharField(required=False, widget=forms.HiddenInput)
        version.initial = seal_page(last_log_entry(), _fingerprint(user.password))
        # When the form is shown again, its version is that of this answer.
        version.bound_data = lambda data, initial: initial  # type: ignore[method-assign]
        self.fields[VERSION] = version

    def clean(self) -> Any:
        try:
            opened = open_seal(self.data.get(VERSION))
        except signing.BadSignature:
            self.add_error("password1", gettext("This form is damaged. Please open it again."))
            return super().clean()
        if opened is not None and opened[1] != _fingerprint(self.user.password):
            said = gettext(
                "Not saved: the password was changed after you opened the form, by %(who)s. "
                "If you still mean to, send it again."
            )
            self.add_error("password1", said % {"who": who_changed(self.user, opened[0])})
        return super().clean()

    def save(self, commit: bool = True) -> Any:
        user = super().save(commit)
        tell_new_password(self.user)
        return user

    def was_sent_before(self) -> bool:
        """Whether the same form was sent before: the user already has this password."""
        return not self.is_valid() and self.user.check_password(self.data.get("password1", ""))


def _fingerprint(password: str) -> str:
    return salted_hmac("accounts.admin.password", password, algorithm="sha256").hexdigest()


@admin.register(User)
class UserAdmin(DjangoUserAdmin, FoundByUser):  # type: ignore[type-arg, misc]
    """Only members with the permission make staff and give them groups, none of which may do more
    than they may themselves; only a superuser grants single permissions, or touches a superuser."""

    rehearsal_path = "rehearsal"
    POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")
    STAFF = ("is_staff", "groups")

    DATES = ("last_login", "closes_at", "deleted_at", "created_at", "updated_at")

    form = UserForm
    add_form = UserAddForm
    change_password_form = PasswordForm
    change_user_password_template = "admin/accounts/user/change_password.html"
    list_display = ("email", "name", "balance_in_won", "is_active", "is_staff", "created_at")
    sortable_by = ("created_at",)
    list_filter = ("is_active", "is_staff", "is_superuser")
    list_select_related = ("balance",)
    user_paths = ("self",)
    id_paths = ("id",)
    ordering = ("-created_at",)
    readonly_fields = (
        "email_verified_at",
        "balance_in_won",
        *DATES,
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "email",
                    "email_verified_at",
                    "name",
                    "language",
                    "password",
                    "is_active",
                    "balance_in_won",
                )
            },
        ),
        (_("Permissions"), {"fields": POWERS}),
        (_("Dates"), {"fields": DATES}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """A new address goes through the service, which notifies the old one and ends sessions."""
        origin = origin_of(request)
        email, is_other = obj.email, change and "email" in form.changed_data
        if is_other:
            obj.email = form.initial["email"]
        super().save_model(request, obj, form, change)
        if not change:
            request_proof(user=obj, origin=origin)
        elif is_other:
            session_key = request.session.session_key if obj == request.user else None
            set_email(user=obj, email=email or "", origin=origin, session_key=session_key)

    @method_decorator(sensitive_post_parameters())
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> Any:
        if not _may_set_access(request, self.get_object(request, unquote(id))):
            raise PermissionDenied
        with transaction.atomic():
            if request.method == "POST":
                self._lock_rows(request, unquote(id))
                user = self.get_object(request, unquote(id))
                may_set = user and self.has_change_permission(request, user)
                if user and may_set and PasswordForm(user, request.POST).was_sent_before():
                    said = gettext("This form was sent before: it was saved once, and not again.")
                    messages.info(request, said)
                    return redirect("admin:accounts_user_change", user.pk)
            return super().user_change_password(request, id, form_url)

    @admin.display(description=_("balance"), ordering="balance__amount")
    def balance_in_won(self, user: User) -> str:
        balance = getattr(user, "balance", None)
        return in_won(balance.amount if balance else 0)

    def found_by(self, text: str) -> Q:
        ids = id_range(text)
        found = Q(pk__in=[user.pk for user in find_users(text)])
        return found | Q(pk__range=ids) if ids else found

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Money, tickets and the log refer to users: make them inactive instead of deleting them.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        readonly = tuple(super().get_readonly_fields(request, obj))
        if request.user.is_superuser:
            return readonly
        may = self.STAFF if _may_give_groups(request, obj) else ()
        access = () if _may_set_access(request, obj) else ("email",)
        return (*readonly, *access, *(power for power in self.POWERS if power not in may))

    def formfield_for_manytomany(self, db_field: Any, request: Any, **kwargs: Any) -> Any:
        field = in_words(super().formfield_for_manytomany(db_field, request, **kwargs))
        if db_field.name == "groups" and not request.user.is_superuser:
            field.queryset = _grantable(request.user)
        return field

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        may_change = obj is None or self.has_change_permission(request, obj)
        if may_change and _may_set_access(request, obj):
            return fieldsets
        return _without_password(fieldsets)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    if user is None or request.user.is_superuser or user == request.user:
        return True
    if user.is_superuser:
        return False
    return not user.is_staff or request.user.has_perm(MANAGE_STAFF)


def _may_set_access(request: HttpRequest, user: User | None) -> bool:
    """A buyer's address and password are the buyer's: staff send a link (account_help.py)."""
    return user is None or user.is_staff or user == request.user or request.user.is_superuser


def _may_give_groups(request: HttpRequest, user: User | None) -> bool:
    """Not to oneself; and not where the form would take away a group that it may not offer."""
    if user is None or user == request.user or not request.user.has_perm(MANAGE_STAFF):
        return False
    return not user.groups.difference(_grantable(request.user)).exists()


def _grantable(user: Any) -> QuerySet[Group]:
    """The groups that may do nothing that this member of the staff may not."""
    own = {tuple(permission.split(".", 1)) for permission in user.get_all_permissions()}
    more = Permission.objects.exclude(
        pk__in=[
            pk
            for pk, app, codename in Permission.objects.values_list(
                "pk", "content_type__app_label", "codename"
            )
            if (app, codename) in own
        ]
    )
    return Group.objects.exclude(permissions__in=more)


def _without_password(fieldsets: Any) -> Any:
    # With view permission only, Django would show the hash itself.
    return [
        (name, {**options, "fields": [field for field in options["fields"] if field != "password"]})
        for name, options in fieldsets
    ]


admin.site.unregister(Group)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Admin):  # type: ignore[misc]
    """Only a superuser changes a group's permissions: its members could grant themselves more."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def formfield_for_manytomany(self, db_field: Any, request: Any = None, **kwargs: Any) -> Any:
        return in_words(super().formfield_for_manytomany(db_field, request, **kwargs))

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser
