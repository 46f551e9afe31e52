"""The log of staff and system: who, when, what, from what to what, and why."""

import datetime as dt
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_time
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from import_export.fields import Field
from unfold.contrib.filters.admin import AutocompleteSelectFilter, RangeDateTimeFilter

from accounts.acts import acts, words_of
from accounts.base_admin import ReadOnlyAdmin
from accounts.log_words import changes_of, kind_of, link_to_target, who
from accounts.models import Activity, User
from concertbook.admin.columns import to_the_second
from concertbook.admin.exportable import Exportable
from concertbook.http.spreadsheets import SafeResource


class ActFilter(admin.SimpleListFilter):
    title = _("act")
    parameter_name = "act"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, str(words)) for code, words in acts().items()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(act=self.value()) if self.value() else queryset


class SystemFilter(admin.SimpleListFilter):
    title = _("staff or system")
    parameter_name = "from"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("staff", _("staff")), ("system", _("the system"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() in ("staff", "system"):
            return queryset.filter(actor__isnull=self.value() == "system")
        return queryset


class TimeFilter(RangeDateTimeFilter):  # type: ignore[misc]
    """From a moment to a moment, at the venue. Without a time of day: the whole day."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        for end, lookup, default in (("from", "gte", dt.time.min), ("to", "lte", dt.time.max)):
            day, time = (self.used_parameters.get(f"at_{end}_{part}") for part in (0, 1))
            moment = _moment(day, time, default)
            if moment is not None:
                queryset = queryset.filter(**{f"at__{lookup}": moment})
        return queryset


def _moment(day: str | None, time: str | None, default: dt.time) -> dt.datetime | None:
    try:
        date = parse_date(day or "")
        clock = parse_time(time) if time else default
    except ValueError:
        return None
    if date is None:
        return None
    return timezone.make_aware(dt.datetime.combine(date, clock or default))


class KindFilter(admin.SimpleListFilter):
    """The kind of the target; content types are few and cached."""

    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        kinds = ContentType.objects
        shown = [page.model for page in model_admin.admin_site._registry.values()]
        return sorted(
            (
                (str(kinds.get_for_model(model).pk), str(capfirst(model._meta.verbose_name)))
                for model in shown
            ),
            key=lambda pair: pair[1],
        )

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value() or ""
        if not chosen.isdecimal():
            return queryset
        return queryset.filter(target_type=int(chosen[:9]))


def in_lines(entry: Activity) -> str:
    """The changes as text: a value a line."""
    lines = []
    for change in changes_of(entry):
        if change.old is None:
            lines.append(f"{change.label}: {change.new}")
        elif change.new is None:
            lines.append(f"{change.label}: {change.old} → ✕")
        else:
            lines.append(f"{change.label}: {change.old} → {change.new}")
    return "\n".join(lines)


class ActivityResource(SafeResource):
    words = Field(column_name="words")
    kind = Field(column_name="kind")
    changes = Field(column_name="changes")

    class Meta:
        model = Activity
        fields = export_order = (
            "id",
            "at",
            "actor_name",
            "actor_email",
            "act",
            "words",
            "kind",
            "target_key",
            "target_text",
            "changes",
            "reason",
        )

    def dehydrate_words(self, entry: Activity) -> str:
        return words_of(entry.act)

    def dehydrate_kind(self, entry: Activity) -> str:
        return kind_of(entry)

    def dehydrate_changes(self, entry: Activity) -> str:
        return in_lines(entry)


@admin.register(Activity)
class ActivityAdmin(Exportable, ReadOnlyAdmin):
    resource_classes: ClassVar = [ActivityResource]
    fields = ("time", "actor", "by", "what", "target", "changes", "reason")
    list_display = ("time", "by", "what", "target", "changes", "reason")
    list_display_links = ("time",)
    list_filter = (
        ("actor", AutocompleteSelectFilter),
        SystemFilter,
        ActFilter,
        KindFilter,
        ("at", TimeFilter),
    )
    # The search is by whole values (get_search_results).
    search_fields = ("=target_key",)
    search_help_text = _("the e-mail address of who did it, or the number of the target")
    ordering = ("-id",)
    sortable_by = ()

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """By indexes only: the log has an entry for each act of years."""
        term = search_term.strip()
        if not term:
            return queryset, False
        wanted = Q(target_key=_key(term))
        if "@" in term:
            user = User.objects.with_email(term).values_list("pk", flat=True).first()
            wanted = Q(actor=user) | Q(target_key=str(user)) if user else Q(actor_email=term)
        return queryset.filter(wanted), False

    @admin.display(description=_("at"))
    def time(self, entry: Activity) -> str:
        return to_the_second(entry.at)

    @admin.display(description=_("who"))
    def by(self, entry: Activity) -> SafeString:
        if entry.actor_name and entry.actor_email:
            return format_html("{}<br>{}", entry.actor_name, entry.actor_email)
        return format_html("{}", who(entry))

    @admin.display(description=_("what"))
    def what(self, entry: Activity) -> str:
        return words_of(entry.act)

    @admin.display(description=_("target"))
    def target(self, entry: Activity) -> SafeString:
        text = entry.target_text or entry.target_key or "–"
        link = link_to_target(entry)
        if link and entry.act != "row.delete":
            text = format_html('<a class="text-link" href="{}">{}</a>', link, text)
        kind = kind_of(entry)
        return format_html("{}<br>{}", capfirst(kind), text) if kind else format_html("{}", text)

    @admin.display(description=_("what changed"))
    def changes(self, entry: Activity) -> SafeString | str:
        lines = in_lines(entry).splitlines()
        return format_html_join("", "{}<br>", ((line,) for line in lines)) or "–"


def _key(term: str) -> str:
    """A key as the log writes it: a UUID in its usual form."""
    try:
        return str(UUID(term))
    except ValueError:
        return term[:40]
