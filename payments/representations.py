"""The answers of API and fast path about held seats, tickets, refunds and check-ins."""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

from rest_framework import serializers

from concertbook.http.representations import Representation
from concerts.models import Seat
from concerts.refund_policy import Basis
from payments.models import (
    CheckIn,
    CheckInConflict,
    Payment,
    Refund,
    Reservation,
    Ticket,
    TicketOffer,
)
from payments.services.check_in_state import CheckInState, GateCount, Use
from payments.services.checkout import Receipt
from payments.services.ticket_cancellation import Quote


class ReservationSerializer(Representation[Reservation], serializers.ModelSerializer[Reservation]):
    concert = serializers.UUIDField(source="schedule.concert_id")
    seat = serializers.IntegerField(source="seat.number", help_text="the seat's number")
    label = serializers.CharField(source="seat.label")  # type: ignore[assignment]

    class Meta:
        model = Reservation
        fields = (
            "id",
            "concert",
            "schedule",
            "seat",
            "label",
            "price",
            "status",
            "created_at",
            "expires_at",
            "confirmed_at",
        )


class HoldsOutput(Representation[Any]):
    reservations = ReservationSerializer(many=True)
    total = serializers.IntegerField(help_text="won")
    expires_at = serializers.DateTimeField()


def hold_answer(reservations: Sequence[Reservation]) -> dict[str, Any]:
    """HoldsOutput for the reservations of one request."""
    return HoldsOutput.of(
        reservations=reservations,
        total=sum(reservation.price for reservation in reservations),
        expires_at=reservations[0].expires_at,
    )


class PaymentBeginningsOutput(Representation[Any]):
    expires_at = serializers.DateTimeField()


class TicketSerializer(Representation[Ticket], serializers.ModelSerializer[Ticket]):
    concert = serializers.UUIDField(source="reservation.schedule.concert_id")
    concert_title = serializers.CharField(source="reservation.schedule.concert.title")
    schedule = serializers.UUIDField(source="reservation.schedule_id")
    schedule_cancelled_at = serializers.DateTimeField(
        source="reservation.schedule.cancelled_at", allow_null=True
    )
    label = serializers.CharField(source="seat.label")  # type: ignore[assignment]
    # The show's current times; the ticket has the times at the purchase.
    start_at = serializers.DateTimeField(source="reservation.schedule.start_at")
    end_at = serializers.DateTimeField(source="reservation.schedule.end_at")

    class Meta:
        model = Ticket
        fields = (
            "id",
            "reservation",
            "concert",
            "concert_title",
            "schedule",
            "schedule_cancelled_at",
            "seat_number",
            "label",
            "price",
            "status",
            "start_at",
            "end_at",
            "code",
            "used_at",
            "created_at",
            "updated_at",
        )


class RefundSerializer(Representation[Refund], serializers.ModelSerializer[Refund]):
    class Meta:
        model = Refund
        fields = ("id", "payment", "amount", "fee", "compensation", "reason", "created_at")


class MyTicketSerializer(TicketSerializer):
    refund = RefundSerializer(allow_null=True)

    class Meta(TicketSerializer.Meta):
        fields = (*TicketSerializer.Meta.fields, "refund")  # type: ignore[assignment]


class TicketOfferSerializer(Representation[TicketOffer], serializers.ModelSerializer[TicketOffer]):
    giver_name = serializers.CharField(source="giver.name")
    concert = serializers.UUIDField(source="ticket.reservation.schedule.concert_id")
    concert_title = serializers.CharField(source="ticket.reservation.schedule.concert.title")
    schedule = serializers.UUIDField(source="ticket.reservation.schedule_id")
    start_at = serializers.DateTimeField(source="ticket.reservation.schedule.start_at")
    hand_on_until = serializers.DateTimeField(
        source="ticket.reservation.schedule.hand_on_until", help_text="accepted before this only"
    )
    seat_number = serializers.IntegerField(source="ticket.seat_number")
    label = serializers.CharField(source="ticket.seat.label")  # type: ignore[assignment]

    class Meta:
        model = TicketOffer
        fields = (
            "id",
            "ticket",
            "email",
            "status",
            "giver_name",
            "concert",
            "concert_title",
            "schedule",
            "start_at",
            "hand_on_until",
            "seat_number",
            "label",
            "offered_at",
            "ended_at",
        )


class TicketOffersOutput(Representation[Any]):
    offers = TicketOfferSerializer(many=True)


class GoogleWalletOutput(Representation[Any]):
    url = serializers.URLField()


class PaymentSerializer(Representation[Payment], serializers.ModelSerializer[Payment]):
    class Meta:
        model = Payment
        fields = ("id", "reservation", "amount", "status", "reason", "paid_at")


class PaymentsOutput(Representation[Receipt]):
    payments = PaymentSerializer(many=True)
    tickets = TicketSerializer(many=True)
    balance = serializers.IntegerField(help_text="won left")


class RefundQuoteOutput(Representation[Quote]):
    amount = serializers.IntegerField(help_text="won back to the balance")
    fee = serializers.IntegerField(help_text="won kept")
    compensation = serializers.IntegerField(
        help_text="won on top, for a performance cancelled by the organiser's fault"
    )
    basis = serializers.ChoiceField(choices=Basis.choices, help_text="the rule behind the fee")
    until = serializers.DateTimeField(
        allow_null=True, help_text="the fee stays so until then; null: for good"
    )


class CheckInSerializer(Representation[CheckIn], serializers.ModelSerializer[CheckIn]):
    concert = serializers.UUIDField(source="schedule.concert_id")
    concert_title = serializers.CharField(source="schedule.concert.title")
    start_at = serializers.DateTimeField(source="schedule.start_at")
    end_at = serializers.DateTimeField(source="schedule.end_at")
    holder_name = serializers.CharField(source="ticket.user.name")
    seat_number = serializers.IntegerField(source="ticket.seat_number")
    label = serializers.CharField(source="ticket.seat.label")  # type: ignore[assignment]
    section = serializers.CharField(source="ticket.seat.section")
    row = serializers.CharField(source="ticket.seat.row")
    seat_in_row = serializers.IntegerField(source="ticket.seat.seat_in_row")
    grade = serializers.CharField(source="ticket.seat.grade")
    kind = serializers.ChoiceField(choices=Seat.Kind.choices, source="ticket.seat.kind")
    status = serializers.ChoiceField(choices=Ticket.Status.choices, source="ticket.status")
    used_at = serializers.DateTimeField(source="ticket.used_at", allow_null=True)
    recorded_at = serializers.DateTimeField(
        allow_null=True, help_text="of a scan without a network: when it reached us"
    )
    by_hand_reason = serializers.CharField(help_text="of one without a code; else empty")

    class Meta:
        model = CheckIn
        fields = (
            "id",
            "ticket",
            "schedule",
            "concert",
            "concert_title",
            "start_at",
            "end_at",
            "holder_name",
            "seat_number",
            "label",
            "section",
            "row",
            "seat_in_row",
            "grade",
            "kind",
            "status",
            "used_at",
            "gate",
            "checked_in_at",
            "undone_at",
            "undo_reason",
            "recorded_at",
            "by_hand_reason",
        )


class OtherUseOutput(Representation[CheckIn]):
    gate = serializers.CharField()
    checked_in_at = serializers.DateTimeField(help_text="the time of the scan")
    checked_in_by = serializers.CharField(source="checked_in_by.name")


class CheckInConflictOutput(Representation[CheckInConflict]):
    """A holder whom a scanner let in without a network, with a ticket that was not good."""

    id = serializers.UUIDField(help_text="the scanner's own key of the scan")
    code = serializers.CharField(help_text="the code of the refusal that a check-in got")
    label = serializers.CharField(  # type: ignore[assignment]
        allow_null=True, help_text="the seat; null for an unknown code"
    )
    gate = serializers.CharField()
    scanned_at = serializers.DateTimeField()
    scanned_by = serializers.CharField(source="scanned_by.name")
    recorded_at = serializers.DateTimeField()
    other_use = OtherUseOutput(
        source="check_in", allow_null=True, help_text="the other one, for ticket_used"
    )


class GateCountOutput(Representation[GateCount]):
    gate = serializers.CharField()
    inside = serializers.IntegerField()


class UseOutput(Representation[Use]):
    hash = serializers.CharField(help_text="the ticket's, as in the list")
    check_in = serializers.UUIDField()
    used_at = serializers.DateTimeField()
    gate = serializers.CharField()
    is_undone = serializers.BooleanField()


class CheckInStateOutput(Representation[CheckInState]):
    now = serializers.DateTimeField()
    inside = serializers.IntegerField(help_text="tickets let in, at all gates")
    gates = GateCountOutput(many=True)
    uses = UseOutput(many=True)
    conflicts = CheckInConflictOutput(many=True)


class SyncedScanOutput(Representation[Any]):
    """One of the two is null."""

    id = serializers.UUIDField(help_text="the scanner's own key of the scan")
    check_in = CheckInSerializer(allow_null=True)
    conflict = CheckInConflictOutput(allow_null=True)


class SyncedScansOutput(Representation[Any]):
    scans = SyncedScanOutput(many=True)


def synced_scan(record: CheckIn | CheckInConflict) -> Any:
    """A SyncedScanOutput's values."""
    is_check_in = isinstance(record, CheckIn)
    return SimpleNamespace(
        id=record.scan if isinstance(record, CheckIn) else record.pk,
        check_in=record if is_check_in else None,
        conflict=None if is_check_in else record,
    )


class CheckInListOutput(serializers.Serializer[Any]):
    """Documents what payments.services.check_in_lists writes."""

    schedule = serializers.UUIDField()
    title = serializers.CharField()
    title_en = serializers.CharField(allow_blank=True)
    start_at = serializers.DateTimeField()
    doors_open_at = serializers.DateTimeField()
    end_at = serializers.DateTimeField()
    is_cancelled = serializers.BooleanField()
    salt = serializers.CharField(help_text="base64, 16 bytes")
    tickets = serializers.ListField(
        child=serializers.ListField(child=serializers.CharField(allow_blank=True)),
        help_text="[hash, seat, masked name, kind of seat or empty]; hash: HMAC-SHA-256 of the code"
        " with the salt as its key, the first 12 bytes in base64url",
    )
    ended = serializers.DictField(
        child=serializers.CharField(), help_text="by hash: already_cancelled or code_ended"
    )
