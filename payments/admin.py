"""The records of sales: reservations, payments, refunds, tickets, their offers, check-ins."""

from typing import Any, ClassVar

from django.contrib import admin
from django.utils.html import format_html_join
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter

from accounts.admin.money import OUTCOME_COLORS
from accounts.base_admin import ReadOnlyAdmin, person, why
from concertbook.admin.columns import colored, won
from concertbook.admin.exportable import Exportable
from concertbook.admin.filters import live_filter
from concertbook.http.spreadsheets import SafeResource
from concertbook.templatetags.times import when_text
from concerts.models import ConcertSchedule
from payments import schedule_admin  # noqa: F401  (registers itself)
from payments.check_in_words import CONFLICTS
from payments.models import (
    CheckIn,
    CheckInConflict,
    Payment,
    Refund,
    Reservation,
    Ticket,
    TicketOffer,
)

RESERVATION_COLORS = {"HOLD": "warning", "CONFIRMED": "success", "CANCELLED": "danger"}


@admin.register(Reservation)
class ReservationAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    concert_path = "schedule__concert"
    fields = (
        "id",
        "user",
        "schedule",
        "seat",
        "slot",
        "status",
        won("price", _("price")),
        "created_at",
        "expires_at",
        "confirmed_at",
    )
    list_display = (
        "created_at",
        person("user", _("user")),
        "schedule",
        "seat",
        won("price", _("price")),
        colored("status", _("status"), RESERVATION_COLORS),
        "expires_at",
        "confirmed_at",
    )
    list_filter = (live_filter("status", HOLD="is_held"), ("schedule", AutocompleteSelectFilter))
    list_select_related = ("user", "seat", "schedule__concert")
    user_paths = ("user",)
    id_paths = ("id",)
    sortable_by = ("created_at",)


class PaymentResource(SafeResource):
    class Meta:
        model = Payment
        fields = export_order = (
            "id",
            "paid_at",
            "user__email",
            "user__name",
            "reservation",
            "reservation__schedule__concert__title",
            "reservation__schedule__start_at",
            "reservation__seat__label",
            "amount",
            "status",
            "reason",
        )


@admin.register(Payment)
class PaymentAdmin(Exportable, ReadOnlyAdmin):
    rehearsal_path = "user"
    concert_path = "reservation__schedule__concert"
    resource_classes: ClassVar = [PaymentResource]
    newest_by = "paid_at"
    fields = ("id", "user", "reservation", won("amount", _("amount")), "status", why, "paid_at")
    list_display = (
        "paid_at",
        person("user", _("user")),
        "schedule",
        "seat",
        won("amount", _("amount")),
        colored("status", _("status"), OUTCOME_COLORS),
        why,
    )
    list_filter = ("status", ("reservation__schedule", AutocompleteSelectFilter))
    list_select_related = ("user", "reservation__seat", "reservation__schedule__concert")
    user_paths = ("user",)
    id_paths = ("id", "reservation__id")
    sortable_by = ("paid_at",)

    @admin.display(description=_("schedule"))
    def schedule(self, payment: Payment) -> ConcertSchedule:
        return payment.reservation.schedule

    @admin.display(description=_("seat"))
    def seat(self, payment: Payment) -> str:
        return payment.reservation.seat.label


TICKET_COLORS = {"ISSUED": "success", "USED": "info", "CANCELLED": "danger"}


@admin.register(Ticket)
class TicketAdmin(ReadOnlyAdmin):
    rehearsal_path = "user"
    concert_path = "seat__schedule__concert"
    # The ticket's code is left out: it admits to the show.
    fields = (
        "id",
        "reservation",
        "buyer",
        "user",
        "holders",
        "seat",
        "seat_number",
        won("price", _("price")),
        "status",
        "schedule",
        "start_at",
        "end_at",
        "refund_policy",
        "used_at",
        "gate",
        "used_by",
        "version",
        "created_at",
        "updated_at",
    )
    list_display = (
        "created_at",
        person("user", _("user")),
        "schedule",
        "seat",
        won("price", _("price")),
        colored("status", _("status"), TICKET_COLORS),
        "used_at",
        "gate",
    )
    list_filter = ("status", ("seat__schedule", AutocompleteSelectFilter))
    list_select_related = ("user", "seat__schedule__concert")
    user_paths = ("user", "reservation__user")
    id_paths = ("id", "reservation__id")
    sortable_by = ("created_at",)

    @admin.display(description=_("schedule"))
    def schedule(self, ticket: Ticket) -> ConcertSchedule:
        return ticket.seat.schedule

    @admin.display(description=_("bought by"))
    def buyer(self, ticket: Ticket) -> Any:
        return ticket.reservation.user

    @admin.display(description=_("handed on"))
    def holders(self, ticket: Ticket) -> str:
        """The chain of its holders, a line each."""
        accepted = ticket.offers.filter(number__isnull=False).order_by("number")
        lines = (
            (offer.number, offer.giver, offer.receiver, when_text(offer.ended_at))
            for offer in accepted.select_related("giver", "receiver")
            if offer.ended_at
        )
        return format_html_join(mark_safe("<br>"), "{}. {} → {} · {}", lines) or "-"


OFFER_COLORS = {"OPEN": "warning", "ACCEPTED": "success"}


@admin.register(TicketOffer)
class TicketOfferAdmin(ReadOnlyAdmin):
    """The chain of each ticket's holders: accepted offers, numbered; and what became of others."""

    rehearsal_path = "giver"
    concert_path = "ticket__seat__schedule__concert"
    # The code that ended is left out: it is nothing to read.
    fields = (
        "id",
        "ticket",
        "schedule",
        "seat",
        "number",
        "giver",
        "email",
        "receiver",
        "status",
        "offered_at",
        "ended_at",
    )
    list_display = (
        "offered_at",
        "schedule",
        "seat",
        "number",
        person("giver", _("offered by")),
        "email",
        person("receiver", _("accepted by")),
        colored("status", _("status"), OFFER_COLORS),
        "ended_at",
    )
    list_filter = (
        live_filter("status", OPEN="is_open"),
        ("ticket__seat__schedule", AutocompleteSelectFilter),
    )
    list_select_related = ("giver", "receiver", "ticket__seat__schedule__concert")
    user_paths = ("giver", "receiver")
    id_paths = ("id", "ticket__id")
    sortable_by = ("offered_at",)

    @admin.display(description=_("schedule"))
    def schedule(self, offer: TicketOffer) -> ConcertSchedule:
        return offer.ticket.seat.schedule

    @admin.display(description=_("seat"))
    def seat(self, offer: TicketOffer) -> str:
        return offer.ticket.seat.label


@admin.register(CheckIn)
class CheckInAdmin(ReadOnlyAdmin):
    rehearsal_path = "ticket__user"
    concert_path = "schedule__concert"
    fields = (
        "id",
        "ticket",
        "holder",
        "seat",
        "schedule",
        "gate",
        "checked_in_by",
        "checked_in_at",
        "recorded_at",
        "by_hand_reason",
        "undone_at",
        "undone_by",
        "undo_reason",
    )
    list_display = (
        "checked_in_at",
        "schedule",
        "seat",
        person("ticket.user", _("holder")),
        "gate",
        "checked_in_by",
        "undone_at",
        "undo_reason",
    )
    list_filter = (
        ("schedule", AutocompleteSelectFilter),
        ("undone_at", admin.EmptyFieldListFilter),
    )
    list_select_related = (
        "ticket__seat",
        "ticket__user",
        "schedule__concert",
        "checked_in_by",
    )
    user_paths = ("ticket__user",)
    id_paths = ("id", "ticket__id")
    sortable_by = ("checked_in_at",)

    @admin.display(description=_("holder"))
    def holder(self, check_in: CheckIn) -> Any:
        return check_in.ticket.user

    @admin.display(description=_("seat"))
    def seat(self, check_in: CheckIn) -> str:
        return check_in.ticket.seat.label


@admin.register(CheckInConflict)
class CheckInConflictAdmin(ReadOnlyAdmin):
    """Who was let in without a network with a ticket that was not good; by the time of scan."""

    rehearsal_path = "schedule__concert__waiting_room__rehearsal"
    concert_path = "schedule__concert"
    fields = (
        "id",
        "schedule",
        "ticket",
        "seat",
        "holder",
        "reason",
        "gate",
        "scanned_by",
        "scanned_at",
        "recorded_at",
        "check_in",
        "other_use",
    )
    list_display = (
        "scanned_at",
        "schedule",
        "seat",
        "holder",
        "reason",
        "gate",
        "scanned_by",
        "other_use",
    )
    list_filter = (("schedule", AutocompleteSelectFilter),)
    list_select_related = (
        "ticket__seat",
        "ticket__user",
        "schedule__concert",
        "scanned_by",
        "check_in",
    )
    user_paths = ("ticket__user",)
    id_paths = ("id", "ticket__id")
    sortable_by = ("scanned_at",)

    @admin.display(description=_("seat"))
    def seat(self, conflict: CheckInConflict) -> str:
        return conflict.label or "-"

    @admin.display(description=_("holder"))
    def holder(self, conflict: CheckInConflict) -> Any:
        return conflict.ticket and conflict.ticket.user

    @admin.display(description=_("what is wrong"))
    def reason(self, conflict: CheckInConflict) -> Any:
        return CONFLICTS.get(conflict.code, conflict.code)

    @admin.display(description=_("used at"))
    def other_use(self, conflict: CheckInConflict) -> str:
        if conflict.check_in is None:
            return "-"
        return f"{when_text(conflict.check_in.checked_in_at)} {conflict.check_in.gate}".strip()


class RefundResource(SafeResource):
    class Meta:
        model = Refund
        fields = export_order = (
            "id",
            "created_at",
            "payment",
            "payment__user__email",
            "payment__user__name",
            "amount",
            "fee",
            "compensation",
            "refunded_by__email",
            "reason",
        )


@admin.register(Refund)
class RefundAdmin(Exportable, ReadOnlyAdmin):
    rehearsal_path = "payment__user"
    concert_path = "payment__reservation__schedule__concert"
    resource_classes: ClassVar = [RefundResource]
    newest_by = "created_at"
    fields = (
        "id",
        "payment",
        won("amount", _("amount")),
        won("fee", _("fee")),
        won("compensation", _("compensation")),
        "refunded_by",
        why,
        "created_at",
    )
    list_display = (
        "created_at",
        person("payment.user", _("user")),
        won("amount", _("amount")),
        won("fee", _("fee")),
        won("compensation", _("compensation")),
        "refunded_by",
        why,
    )
    list_select_related = ("payment__user", "refunded_by")
    user_paths = ("payment__user",)
    id_paths = ("id", "payment__id")
    sortable_by = ("created_at",)
