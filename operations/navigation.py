"""The admin's navigation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from operations.settlement_admin import may_settle


@dataclass(frozen=True)
class ConsolePage:
    """An entry for a page of the console; ``permissions`` are those of its view."""

    name: str
    title: Any
    icon: str
    permissions: Sequence[str] = ()


# The only entry that is neither a model's list nor a page of the console.
SETTLEMENT = "settlement"
SIDEBAR: list[tuple[Any, list[ConsolePage | tuple[str, str]]]] = [
    (
        _("Console"),
        [
            ConsolePage("console:today", _("Today"), "today"),
            ConsolePage(
                "console:board", _("Live board"), "monitoring", ("queueing.view_waitingroom",)
            ),
            ConsolePage(
                "console:rehearsal",
                _("Rehearsal"),
                "theater_comedy",
                ("queueing.change_waitingroom",),
            ),
            ConsolePage("console:reports", _("Reports"), "bar_chart", ("concerts.view_concert",)),
        ],
    ),
    (
        _("Programme"),
        [
            ConsolePage("console:shows", _("Shows"), "campaign", ("concerts.view_concert",)),
            ("concerts.Concert", "music_note"),
            ("concerts.ConcertSchedule", "calendar_month"),
            ("concerts.Seat", "event_seat"),
            ("concerts.SeatStatusHistory", "history"),
        ],
    ),
    (
        _("Waiting rooms"),
        [
            ("queueing.WaitingRoom", "meeting_room"),
            ("queueing.QueueToken", "groups"),
            ("queueing.Draw", "casino"),
            ("queueing.QueueEntryHistory", "history"),
        ],
    ),
    (
        _("Sales"),
        [
            ("payments.Reservation", "bookmark"),
            ("payments.Payment", "payments"),
            ("payments.Ticket", "confirmation_number"),
            ("payments.TicketOffer", "swap_horiz"),
            ("payments.CheckIn", "how_to_reg"),
            ("payments.CheckInConflict", "person_alert"),
            ("payments.Refund", "undo"),
            (SETTLEMENT, "summarize"),
        ],
    ),
    (
        _("People and money"),
        [
            ("accounts.User", "person"),
            ("accounts.Balance", "account_balance_wallet"),
            ("accounts.BalanceHistory", "receipt_long"),
            ("accounts.Charge", "add_card"),
            ("accounts.Credit", "volunteer_activism"),
            ("accounts.OutgoingMessage", "outgoing_mail"),
        ],
    ),
    (
        _("Administration"),
        [
            ConsolePage("console:passkeys", _("Passkeys"), "passkey"),
            ("auth.Group", "group"),
            ("accounts.Activity", "manage_search"),
            ("accounts.Document", "gavel"),
            ("accounts.Business", "storefront"),
            ("accounts.Consent", "task_alt"),
            ("operations.Export", "download"),
            ("operations.ReportMail", "schedule_send"),
            ("accounts.IdempotencyKey", "key"),
            ("accounts.KeptIdentity", "lock_person"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and links that this operator may see."""
    groups = []
    for title, entries in SIDEBAR:
        links = [_link(entry) for entry in entries if _sees(request, entry)]
        if links:
            groups.append({"title": title, "items": links})
    return groups


def _sees(request: HttpRequest, entry: ConsolePage | tuple[str, str]) -> bool:
    if isinstance(entry, ConsolePage):
        return request.user.has_perms(entry.permissions)
    label, _icon = entry
    if label == SETTLEMENT:
        return may_settle(request)
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)


def _link(entry: ConsolePage | tuple[str, str]) -> dict[str, Any]:
    if isinstance(entry, ConsolePage):
        return {"title": entry.title, "icon": entry.icon, "link": reverse(entry.name)}
    label, icon = entry
    if label == SETTLEMENT:
        where = reverse("admin:payments_payment_settlement")
        return {"title": _("Settlement"), "icon": icon, "link": where}
    opts = apps.get_model(label)._meta
    return {
        "title": capfirst(opts.verbose_name_plural),
        "icon": icon,
        "link": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
