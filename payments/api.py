"""Hold, pay, tickets, cancel, the door: for mobile apps."""

import uuid
from collections.abc import Sequence
from functools import partial
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import generics, serializers, status
from rest_framework.permissions import BasePermission
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import current_user
from accounts.run_once import (
    IDEMPOTENCY_KEY_HEADER,
    OPTIONAL_IDEMPOTENCY_KEY_HEADER,
    answer_once,
)
from concertbook.db.clock import utc
from concertbook.http.pagination import NewestFirst
from concertbook.http.validation import (
    HasSchemaLimits,
    StrictIntegerField,
    VisibleTextField,
    valid_input,
)
from concerts.services.seating import HIGHEST_NUMBER
from payments.errors import DuplicateSeats
from payments.models import CheckIn, Payment, Refund, Reservation, Ticket
from payments.services import cancellations, check_ins, checkout, holds, releases, tickets
from payments.services.holds import MOST_AT_ONCE
from payments.services.reservations import get_reservation, my_reservations
from queueing.errors import QueueNotAdmitted
from queueing.requests import QUEUE_TOKEN_HEADER, queue_token


class ReservationSerializer(serializers.ModelSerializer[Reservation]):
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


class SeatNumbersField(HasSchemaLimits, serializers.ListField):
    schema_limits: ClassVar = {"uniqueItems": True}

    def __init__(self) -> None:
        super().__init__(
            child=StrictIntegerField(min_value=1, max_value=HIGHEST_NUMBER),
            min_length=1,
            max_length=MOST_AT_ONCE,
        )

    def to_internal_value(self, data: Any) -> list[int]:
        seats: list[int] = super().to_internal_value(data)
        if len(set(seats)) != len(seats):
            raise serializers.ValidationError(DuplicateSeats.message, DuplicateSeats.code)
        return seats


class Holds(APIView):
    class HoldsInput(serializers.Serializer[Any]):
        seats = SeatNumbersField()

    class HoldsOutput(serializers.Serializer[Any]):
        reservations = ReservationSerializer(many=True)
        total = serializers.IntegerField(help_text="won")
        expires_at = serializers.DateTimeField()

    @extend_schema(
        request=HoldsInput,
        responses={201: HoldsOutput},
        parameters=[QUEUE_TOKEN_HEADER, OPTIONAL_IDEMPOTENCY_KEY_HEADER],
    )
    def post(self, request: Request, schedule_id: uuid.UUID) -> HttpResponse:
        token = queue_token(request)
        if token is None:
            raise QueueNotAdmitted
        named = valid_input(self.HoldsInput, request)
        hold = partial(
            holds.hold_seats,
            user=current_user(request),
            schedule_id=schedule_id,
            numbers=named["seats"],
            token=token,
        )
        if "Idempotency-Key" not in request.headers:
            return Response(hold_answer(hold()), status=status.HTTP_201_CREATED)
        return answer_once(
            request, named, hold_answer, lambda once: hold(once=once), status.HTTP_201_CREATED
        )


def hold_answer(reservations: Sequence[Reservation]) -> dict[str, Any]:
    """As HoldsOutput describes it, without its cost."""
    return {
        "reservations": [_reservation_answer(reservation) for reservation in reservations],
        "total": sum(reservation.price for reservation in reservations),
        "expires_at": utc(reservations[0].expires_at),
    }


def _reservation_answer(reservation: Reservation) -> dict[str, Any]:
    return {
        "id": str(reservation.pk),
        "concert": str(reservation.schedule.concert_id),
        "schedule": str(reservation.schedule_id),
        "seat": reservation.seat.number,
        "label": reservation.seat.label,
        "price": reservation.price,
        "status": reservation.status,
        "created_at": utc(reservation.created_at),
        "expires_at": utc(reservation.expires_at),
        "confirmed_at": reservation.confirmed_at and utc(reservation.confirmed_at),
    }


class ReservationList(generics.ListAPIView[Reservation]):
    serializer_class = ReservationSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Reservation]:
        if getattr(self, "swagger_fake_view", False):
            return Reservation.objects.none()
        return my_reservations(user=current_user(self.request))


class ReservationDetail(APIView):
    @extend_schema(responses=ReservationSerializer)
    def get(self, request: Request, reservation_id: uuid.UUID) -> Response:
        reservation = get_reservation(user=current_user(request), reservation_id=reservation_id)
        return Response(ReservationSerializer(reservation).data)

    @extend_schema(
        responses={204: None},
        description="Let go of a hold: its seat is free, and it stays among mine as CANCELLED.",
    )
    def delete(self, request: Request, reservation_id: uuid.UUID) -> Response:
        releases.release_reservation(user=current_user(request), reservation_id=reservation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class PaymentBeginnings(APIView):
    """Tell that paying has begun: the holds last a little longer, once."""

    class PaymentBeginningsInput(serializers.Serializer[Any]):
        reservations = serializers.ListField(
            child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE
        )

    class PaymentBeginningsOutput(serializers.Serializer[Any]):
        expires_at = serializers.DateTimeField()

    @extend_schema(request=PaymentBeginningsInput, responses=PaymentBeginningsOutput)
    def post(self, request: Request) -> Response:
        expires_at = checkout.begin_payment(
            user=current_user(request),
            reservation_ids=valid_input(self.PaymentBeginningsInput, request)["reservations"],
        )
        return Response(self.PaymentBeginningsOutput({"expires_at": expires_at}).data)


class TicketSerializer(serializers.ModelSerializer[Ticket]):
    concert = serializers.UUIDField(source="reservation.schedule.concert_id")
    concert_title = serializers.CharField(source="reservation.schedule.concert.title")
    schedule = serializers.UUIDField(source="reservation.schedule_id")
    schedule_cancelled_at = serializers.DateTimeField(
        source="reservation.schedule.cancelled_at", allow_null=True
    )
    label = serializers.CharField(source="seat.label")  # type: ignore[assignment]
    # When the show is, not when it was to be: the ticket itself keeps what was bought.
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


class RefundSerializer(serializers.ModelSerializer[Refund]):
    class Meta:
        model = Refund
        fields = ("id", "payment", "amount", "fee", "reason", "created_at")


class MyTicketSerializer(TicketSerializer):
    refund = serializers.SerializerMethodField()

    class Meta(TicketSerializer.Meta):
        fields = (*TicketSerializer.Meta.fields, "refund")  # type: ignore[assignment]

    @extend_schema_field(RefundSerializer(allow_null=True))
    def get_refund(self, ticket: Ticket) -> Any:
        refund = tickets.refund_of(ticket)
        return refund and RefundSerializer(refund).data


class PaymentSerializer(serializers.ModelSerializer[Payment]):
    class Meta:
        model = Payment
        fields = ("id", "reservation", "amount", "status", "reason", "paid_at")


class Payments(APIView):
    class PaymentsInput(serializers.Serializer[Any]):
        reservations = serializers.ListField(
            child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE
        )

    class PaymentsOutput(serializers.Serializer[checkout.Receipt]):
        payments = PaymentSerializer(many=True)
        tickets = TicketSerializer(many=True)
        balance = serializers.IntegerField(help_text="won left")

    @extend_schema(
        request=PaymentsInput, responses={201: PaymentsOutput}, parameters=[IDEMPOTENCY_KEY_HEADER]
    )
    def post(self, request: Request) -> HttpResponse:
        user = current_user(request)
        named = valid_input(self.PaymentsInput, request)
        return answer_once(
            request,
            named,
            receipt_answer,
            lambda once: checkout.pay_reservations(
                user=user, reservation_ids=named["reservations"], once=once
            ),
            status.HTTP_201_CREATED,
        )


def receipt_answer(receipt: checkout.Receipt) -> dict[str, Any]:
    """As PaymentsOutput describes it, without its cost."""
    return {
        "payments": [_payment_answer(payment) for payment in receipt.payments],
        "tickets": [_ticket_answer(ticket) for ticket in receipt.tickets],
        "balance": receipt.balance,
    }


def _payment_answer(payment: Payment) -> dict[str, Any]:
    return {
        "id": str(payment.pk),
        "reservation": str(payment.reservation_id),
        "amount": payment.amount,
        "status": payment.status,
        "reason": payment.reason,
        "paid_at": utc(payment.paid_at),
    }


def _ticket_answer(ticket: Ticket) -> dict[str, Any]:
    schedule = ticket.reservation.schedule
    return {
        "id": str(ticket.pk),
        "reservation": str(ticket.reservation_id),
        "concert": str(schedule.concert_id),
        "concert_title": schedule.concert.title,
        "schedule": str(schedule.pk),
        "schedule_cancelled_at": schedule.cancelled_at and utc(schedule.cancelled_at),
        "seat_number": ticket.seat_number,
        "label": ticket.seat.label,
        "price": ticket.price,
        "status": ticket.status,
        "start_at": utc(schedule.start_at),
        "end_at": utc(schedule.end_at),
        "code": ticket.code,
        "used_at": ticket.used_at and utc(ticket.used_at),
        "created_at": utc(ticket.created_at),
        "updated_at": utc(ticket.updated_at),
    }


class TicketList(generics.ListAPIView[Ticket]):
    serializer_class = MyTicketSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Ticket]:
        if getattr(self, "swagger_fake_view", False):
            return Ticket.objects.none()
        return tickets.my_tickets(user=current_user(self.request))


class TicketDetail(APIView):
    @extend_schema(responses=MyTicketSerializer)
    def get(self, request: Request, ticket_id: uuid.UUID) -> Response:
        ticket = tickets.get_ticket(user=current_user(request), ticket_id=ticket_id)
        return Response(MyTicketSerializer(ticket).data)


class SvgRenderer(JSONRenderer):
    """For a picture that the view draws itself."""

    media_type = "image/svg+xml"


class BytesRenderer(SvgRenderer):
    """The same picture as a file, for clients that are generated and know no pictures."""

    media_type = "application/octet-stream"


class TicketQr(APIView):
    # An app that asks for JSON always has got the picture nevertheless.
    renderer_classes = (SvgRenderer, BytesRenderer, JSONRenderer)

    @extend_schema(
        responses={
            (200, SvgRenderer.media_type): OpenApiTypes.STR,
            (200, BytesRenderer.media_type): OpenApiTypes.BINARY,
        }
    )
    def get(self, request: Request, ticket_id: uuid.UUID) -> HttpResponse:
        ticket = tickets.get_ticket(user=current_user(request), ticket_id=ticket_id)
        as_file = request.accepted_media_type == BytesRenderer.media_type
        media_type = BytesRenderer.media_type if as_file else SvgRenderer.media_type
        return HttpResponse(tickets.qr_svg(ticket), content_type=media_type)


class RefundQuote(APIView):
    class RefundQuoteOutput(serializers.Serializer[cancellations.Quote]):
        amount = serializers.IntegerField(help_text="won back to the balance")
        fee = serializers.IntegerField(help_text="won kept")

    @extend_schema(responses=RefundQuoteOutput)
    def get(self, request: Request, ticket_id: uuid.UUID) -> Response:
        quote = cancellations.quote_refund(user=current_user(request), ticket_id=ticket_id)
        return Response(self.RefundQuoteOutput(quote).data)


class Cancel(APIView):
    @extend_schema(request=None, responses=RefundSerializer, parameters=[IDEMPOTENCY_KEY_HEADER])
    def post(self, request: Request, ticket_id: uuid.UUID) -> HttpResponse:
        user = current_user(request)
        return answer_once(
            request,
            {},
            lambda refund: RefundSerializer(refund).data,
            lambda once: cancellations.cancel_ticket(user=user, ticket_id=ticket_id, once=once),
            status.HTTP_200_OK,
        )


class MayCheckIn(BasePermission):
    """Members of the staff who were given the permission, and superusers."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        user = request.user
        return bool(user.is_staff and user.has_perm("payments.check_in_ticket"))


class CheckInSerializer(serializers.ModelSerializer[CheckIn]):
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
    status = serializers.ChoiceField(choices=Ticket.Status.choices, source="ticket.status")
    used_at = serializers.DateTimeField(source="ticket.used_at", allow_null=True)

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
            "status",
            "used_at",
            "gate",
            "checked_in_at",
            "undone_at",
            "undo_reason",
        )


class CheckIns(APIView):
    permission_classes = (MayCheckIn,)

    class CheckInsInput(serializers.Serializer[Any]):
        code = serializers.CharField(max_length=40)
        schedule = serializers.UUIDField(help_text="the show that the door is for")
        gate = serializers.CharField(max_length=50, required=False, default="", allow_blank=True)

    @extend_schema(request=CheckInsInput, responses=CheckInSerializer)
    def post(self, request: Request) -> Response:
        data = valid_input(self.CheckInsInput, request)
        checked_in = check_ins.check_in(
            code=data["code"],
            schedule_id=data["schedule"],
            gate=data["gate"],
            by=current_user(request),
        )
        return Response(CheckInSerializer(checked_in).data)


class CheckInUndo(APIView):
    permission_classes = (MayCheckIn,)

    class CheckInUndoInput(serializers.Serializer[Any]):
        reason = VisibleTextField(max_length=200)

    @extend_schema(request=CheckInUndoInput, responses=CheckInSerializer)
    def post(self, request: Request, check_in_id: uuid.UUID) -> Response:
        undone = check_ins.undo_check_in(
            check_in_id=check_in_id,
            by=current_user(request),
            reason=valid_input(self.CheckInUndoInput, request)["reason"],
        )
        return Response(CheckInSerializer(undone).data)
