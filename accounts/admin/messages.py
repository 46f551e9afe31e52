"""The outbox: what was sent, what waits and what was given up."""

import datetime as dt
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.urls import path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from accounts.base_admin import ReadOnlyAdmin
from accounts.letter import kind_in_words, letter_kinds
from accounts.models import OutgoingMessage, User
from accounts.services.letter_preview import preview_letter
from accounts.services.outbox import replay
from concertbook.admin.columns import Colors, colored
from concertbook.http.framed import framed

STATUS_COLORS: Colors = {"SENT": "success", "FAILED": "danger", "QUEUED": "warning"}


class KindFilter(admin.SimpleListFilter):
    title = _("kind")
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(name, kind_in_words(name)) for name in letter_kinds()]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


@admin.register(OutgoingMessage)
class OutgoingMessageAdmin(ReadOnlyAdmin):
    """Rows that the sale writes. Operators with the permission may send them again."""

    rehearsal_path = "user"
    fields = (
        "channel",
        "in_words",
        "user",
        "recipient",
        "status",
        "attempts",
        "last_error",
        "created_at",
        "next_attempt",
        "sent_at",
        "message_id",
        "letter",
    )
    list_display = (
        "created_at",
        "in_words",
        "recipient",
        colored("status", _("status"), STATUS_COLORS),
        "attempts",
        "last_error",
        "next_attempt",
        "sent_at",
    )
    list_filter = ("status", "channel", KindFilter)
    list_select_related = ("user",)
    user_paths = ("user",)
    sortable_by = ()
    actions = ("send_again",)  # type: ignore[assignment]

    def found_by(self, text: str) -> Q:
        return super().found_by(text) | Q(recipient=text.strip().lower())

    def has_resend_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.resend_message")

    @admin.action(description=_("Send again"), permissions=["resend"])
    def send_again(self, request: HttpRequest, queryset: QuerySet[OutgoingMessage]) -> None:
        actor = cast(User, request.user)
        count = sum(replay(message_id=message.pk, actor=actor) for message in queryset)
        told = ngettext(
            "%(count)d message is queued again.", "%(count)d messages are queued again.", count
        )
        messages.success(request, told % {"count": count})

    @admin.display(description=_("kind"))
    def in_words(self, message: OutgoingMessage) -> str:
        return kind_in_words(message.kind)

    @admin.display(description=_("next attempt"), ordering="due_at")
    def next_attempt(self, message: OutgoingMessage) -> dt.datetime | None:
        # A message that was sent has the end of its lease there.
        return message.due_at if message.status == OutgoingMessage.Status.QUEUED else None

    @admin.display(description=_("letter"))
    def letter(self, message: OutgoingMessage) -> SafeString:
        address = reverse("admin:accounts_outgoingmessage_letter", args=[message.pk])
        title = gettext("What the message says")
        return format_html(
            '<iframe src="{}" title="{}" width="640" height="640"></iframe>', address, title
        )

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.show_letter)
        own = path("<int:pk>/letter/", view, name="accounts_outgoingmessage_letter")
        return [own, *super().get_urls()]

    def show_letter(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The letter as it would be sent now."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        message = OutgoingMessage.objects.select_related("user").filter(pk=pk).first()
        if message is None:
            raise Http404
        return framed(preview_letter(message))
