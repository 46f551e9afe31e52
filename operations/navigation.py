"""The admin's navigation."""

from typing import Any

from django.apps import apps
from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from operations.settlement_admin import may_settle

# The only entry that is not a model's list.
SETTLEMENT = "settlement"
SIDEBAR = [
    (
        _("Programme"),
        [
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
            ("accounts.OutgoingMessage", "outgoing_mail"),
        ],
    ),
    (
        _("Administration"),
        [
            ("auth.Group", "group"),
            ("admin.LogEntry", "manage_search"),
            ("accounts.Document", "gavel"),
            ("accounts.Business", "storefront"),
            ("accounts.Consent", "task_alt"),
            ("operations.Export", "download"),
            ("accounts.IdempotencyKey", "key"),
            ("accounts.KeptIdentity", "lock_person"),
        ],
    ),
]


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """The groups and links that this operator may see."""
    groups = []
    for title, models in SIDEBAR:
        links = [_link(label, icon) for label, icon in models if _sees(request, label)]
        if links:
            groups.append({"title": title, "items": links})
    return groups


def _sees(request: HttpRequest, label: str) -> bool:
    if label == SETTLEMENT:
        return may_settle(request)
    return admin.site.get_model_admin(apps.get_model(label)).has_view_permission(request)


def _link(label: str, icon: str) -> dict[str, Any]:
    if label == SETTLEMENT:
        where = reverse("admin:payments_payment_settlement")
        return {"title": _("Settlement"), "icon": icon, "link": where}
    opts = apps.get_model(label)._meta
    return {
        "title": capfirst(opts.verbose_name_plural),
        "icon": icon,
        "link": reverse(f"admin:{opts.app_label}_{opts.model_name}_changelist"),
    }
