"""The operators' desk: what all admin pages share, and the pages for people and their money."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest
from django.shortcuts import redirect
from django.utils.translation import gettext_lazy as _
from import_export.admin import ExportMixin
from import_export.fields import Field
from import_export.formats.base_formats import CSV
from import_export.resources import ModelResource
from unfold.admin import ModelAdmin
from unfold.contrib.import_export.forms import SelectableFieldsExportForm
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from accounts.admin_once import OnceForms
from accounts.email_addresses import clean_email
from accounts.email_change import request_proof, set_email
from accounts.models import Balance, BalanceHistory, Charge, IdempotencyKey, User
from accounts.rehearsal_filter import rehearsal_filter
from accounts.spreadsheets import quoted
from accounts.templatetags.money import reason as in_words
from accounts.templatetags.money import won as in_won
from concertbook.admin import VersionedForms
from concertbook.search import LooksLike


def _redirect_to_password_page(request: HttpRequest, extra_context: Any = None) -> Any:
    return redirect("account_change_password")


# One door for everybody: the site's log-in counts failed attempts, the admin's own does not.
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
admin.site.password_change = _redirect_to_password_page  # type: ignore[method-assign]
# A user's address is the one on the user; groups get a page with our rules below.
admin.site.unregister([Group, EmailAddress])

Column = Callable[[Any], Any]
Colors = Mapping[str, str]


def won(field: str, description: Any) -> Column:
    """A column that shows the amount in ``field``."""

    @admin.display(description=description, ordering=field)
    def show(row: Any) -> str:
        return in_won(getattr(row, field))

    return show


@admin.display(description=_("reason"), ordering="reason")
def why(row: Any) -> str:
    """A column that says the reason in words, as its user was told."""
    return in_words(row.reason) or "-"


def colored(field: str, description: Any, colors: Colors) -> Column:
    """A column that shows a choice as a label: success, info, warning, danger; else grey."""

    @admin.display(description=description, ordering=field)
    def show(row: Any) -> tuple[str, str]:
        return getattr(row, field), getattr(row, f"get_{field}_display")()

    show.label = defaultdict(str, colors)  # type: ignore[attr-defined]
    return show


class Admin(OnceForms, VersionedForms, ModelAdmin):  # type: ignore[misc]
    """Every model's pages; a list takes as many queries for many rows as for few.

    A form acts once, and refuses when its row was changed since it was opened.
    """

    list_per_page = 50
    list_filter_submit = True
    show_full_result_count = False
    warn_unsaved_form = True
    # From a row to its rehearsal or its user: lists leave rehearsals out unless asked for them.
    rehearsal_path = ""

    def get_list_filter(self, request: HttpRequest) -> Any:
        filters = super().get_list_filter(request)
        if not self.rehearsal_path:
            return filters
        return (*filters, rehearsal_filter(self.rehearsal_path))

    def get_search_fields(self, request: HttpRequest) -> Sequence[str]:
        """What is to be contained is searched for as on the site (concertbook.search)."""
        fields = super().get_search_fields(request)
        return [name if name[0] in "^=@" else f"{name}__{LooksLike.lookup_name}" for name in fields]


class ReadOnlyAdmin(Admin):
    """What the sale alone writes: to be looked at, by whoever may view it. Name ``fields``."""

    actions = None
    list_disable_select_all = True
    warn_unsaved_form = False

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: Model | None = None) -> Sequence[Any]:
        return tuple(self.fields)


class SafeResource(ModelResource):  # type: ignore[misc]
    """Rows for a spreadsheet, in which nothing that somebody typed runs as a formula."""

    def export_field(self, field: Field, instance: Model, **kwargs: Any) -> Any:
        cell = super().export_field(field, instance, **kwargs)
        return quoted(cell) if isinstance(cell, str) else cell


class ExportAdmin(ExportMixin, ReadOnlyAdmin):  # type: ignore[misc]
    export_form_class = SelectableFieldsExportForm
    formats: ClassVar = [CSV]
    # The mark at the beginning tells Excel that it is UTF-8, so that Korean stays Korean.
    to_encoding = "utf-8-sig"

    def has_export_permission(self, request: HttpRequest) -> bool:
        # The library lets all of the staff export unless told otherwise.
        return bool(self.has_view_permission(request))


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


@admin.register(User)
class UserAdmin(DjangoUserAdmin, Admin):  # type: ignore[type-arg, misc]
    """People. Only a superuser makes staff, gives permissions, or touches others of the staff."""

    rehearsal_path = "rehearsal"
    POWERS = ("is_staff", "is_superuser", "groups", "user_permissions")

    form = UserForm
    add_form = UserAddForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("email", "name", "balance_in_won", "is_active", "is_staff", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    list_select_related = ("balance",)
    search_fields = ("email", "name", "^id")
    ordering = ("-created_at",)
    date_hierarchy = "created_at"
    readonly_fields = (
        "email_verified_at",
        "balance_in_won",
        "last_login",
        "created_at",
        "updated_at",
    )
    fieldsets = (
        (
            None,
            {
                "fields": (
                    "email",
                    "email_verified_at",
                    "name",
                    "password",
                    "is_active",
                    "balance_in_won",
                )
            },
        ),
        (_("Permissions"), {"fields": POWERS}),
        (_("Dates"), {"fields": ("last_login", "created_at", "updated_at")}),
    )
    add_fieldsets = ((None, {"fields": ("email", "name", "password1", "password2")}),)

    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:
        """Another address goes through the service, which tells the old one and ends sessions."""
        origin = request.build_absolute_uri("/").rstrip("/")
        email, is_other = obj.email, change and "email" in form.changed_data
        if is_other:
            obj.email = form.initial["email"]
        super().save_model(request, obj, form, change)
        if not change:
            request_proof(user=obj, origin=origin)
        elif is_other:
            session_key = request.session.session_key if obj == request.user else None
            set_email(user=obj, email=email or "", origin=origin, session_key=session_key)

    @admin.display(description=_("balance"), ordering="balance__amount")
    def balance_in_won(self, user: User) -> str:
        balance = getattr(user, "balance", None)
        return in_won(balance.amount if balance else 0)

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        # Money, tickets and the log are under their names: they are made inactive.
        return False

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        readonly = tuple(super().get_readonly_fields(request, obj))
        return readonly if request.user.is_superuser else (*readonly, *self.POWERS)

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or self.has_change_permission(request, obj):
            return fieldsets
        return _without_password(fieldsets)


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    if user is None or request.user.is_superuser or user == request.user:
        return True
    return not (user.is_staff or user.is_superuser)


def _without_password(fieldsets: Any) -> Any:
    # Who may only look would be shown the hash itself.
    return [
        (name, {**options, "fields": [field for field in options["fields"] if field != "password"]})
        for name, options in fieldsets
    ]


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, Admin):
    """Only a superuser decides what a group may do: else its members could help themselves."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.is_superuser

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return request.user.is_superuser


@admin.register(Balance)
class BalanceAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    fields = ("user", won("amount", _("amount")), "last_seq", "created_at", "updated_at")
    list_display = ("user", "email", won("amount", _("amount")), "last_seq", "updated_at")
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name")
    ordering = ("-updated_at",)

    @admin.display(description=_("e-mail address"), ordering="user__email")
    def email(self, balance: Balance) -> str:
        return balance.user.email or "-"


OUTCOME_COLORS: Colors = {"SUCCESS": "success", "FAILED": "danger", "PENDING": "warning"}


class BalanceHistoryResource(SafeResource):
    class Meta:
        model = BalanceHistory
        fields = export_order = (
            "id",
            "created_at",
            "balance__user__email",
            "seq",
            "type",
            "status",
            "amount",
            "delta",
            "balance_after",
            "reason",
            "source",
        )


@admin.register(BalanceHistory)
class BalanceHistoryAdmin(ExportAdmin):
    rehearsal_path = "balance__user"
    resource_classes: ClassVar = [BalanceHistoryResource]
    fields = (
        "created_at",
        "balance",
        "seq",
        "type",
        "status",
        won("amount", _("amount")),
        won("delta", _("change")),
        won("balance_after", _("balance after")),
        "reason",
        "source",
    )
    list_display = (
        "created_at",
        "user",
        "type",
        colored("status", _("status"), OUTCOME_COLORS),
        won("delta", _("change")),
        won("balance_after", _("balance after")),
        won("amount", _("amount")),
        why,
    )
    list_filter = ("type", "status")
    list_select_related = ("balance__user",)
    search_fields = ("balance__user__email", "balance__user__name", "^source")
    date_hierarchy = "created_at"

    @admin.display(description=_("user"), ordering="balance__user__email")
    def user(self, line: BalanceHistory) -> User:
        return line.balance.user


class ChargeResource(SafeResource):
    class Meta:
        model = Charge
        fields = export_order = (
            "id",
            "created_at",
            "user__email",
            "amount",
            "status",
            "reason",
            "charged_at",
        )


@admin.register(Charge)
class ChargeAdmin(ExportAdmin):
    rehearsal_path = "user"
    resource_classes: ClassVar = [ChargeResource]
    fields = (
        "user",
        won("amount", _("amount")),
        "status",
        "reason",
        "key",
        "created_at",
        "charged_at",
    )
    list_display = (
        "created_at",
        "user",
        won("amount", _("amount")),
        colored("status", _("status"), OUTCOME_COLORS),
        why,
        "charged_at",
    )
    list_filter = ("status",)
    list_select_related = ("user",)
    search_fields = ("user__email", "user__name", "^id")
    date_hierarchy = "created_at"


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    # The answer itself is the user's own, tickets and all.
    fields = ("user", "key", "request_hash", "created_at")
    list_display = ("created_at", "user", "key")
    list_select_related = ("user",)
    search_fields = ("user__email", "key")
    ordering = ("-created_at",)


@admin.register(LogEntry)
class LogEntryAdmin(ReadOnlyAdmin):
    """Who of the staff did what in the admin."""

    fields = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_display = ("action_time", "user", "content_type", "object_repr", "get_change_message")
    list_filter = ("action_flag",)
    list_select_related = ("user", "content_type")
    search_fields = ("user__email", "object_repr", "change_message")
    date_hierarchy = "action_time"
