"""Hold, pay, tickets, cancel: for mobile apps."""

import uuid
from functools import partial
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import generics, serializers, status
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.address_field import AddressField
from accounts.email_addresses import clean_email
from accounts.requests import current_user
from accounts.run_once import (
    IDEMPOTENCY_KEY_HEADER,
    OPTIONAL_IDEMPOTENCY_KEY_HEADER,
    answer_once,
)
from concertbook.http.downloads import FileRenderer
from concertbook.http.pagination import NewestFirst
from concertbook.http.validation import (
    HasSchemaLimits,
    StrictIntegerField,
    valid_input,
)
from concerts.services.seat_locks import HIGHEST_NUMBER
from payments.errors import DuplicateSeats
from payments.models import Reservation, Ticket
from payments.qr_codes import qr_svg
from payments.representations import (
    HoldsOutput,
    MyTicketSerializer,
    PaymentBeginningsOutput,
    PaymentsOutput,
    RefundQuoteOutput,
    RefundSerializer,
    ReservationSerializer,
    TicketOfferSerializer,
    TicketOffersOutput,
    hold_answer,
)
from payments.services import (
    checkout,
    holds,
    releases,
    ticket_cancellation,
    ticket_offers,
    tickets,
)
from payments.services.holds import MOST_AT_ONCE
from payments.services.reservations import get_reservation, my_reservations
from queueing.errors import QueueNotAdmitted
from queueing.requests import QUEUE_TOKEN_HEADER, queue_token


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


class ReservationList(generics.ListAPIView[Reservation]):
    queryset = Reservation.objects.none()  # names the model to the OpenAPI document
    serializer_class = ReservationSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Reservation]:
        return my_reservations(user=current_user(self.request))


class ReservationDetail(APIView):
    @extend_schema(responses=ReservationSerializer)
    def get(self, request: Request, reservation_id: uuid.UUID) -> Response:
        reservation = get_reservation(user=current_user(request), reservation_id=reservation_id)
        return Response(ReservationSerializer.represent(reservation))

    @extend_schema(
        responses={204: None},
        description="Release a hold: its seat is free, and it remains in the list as CANCELLED.",
    )
    def delete(self, request: Request, reservation_id: uuid.UUID) -> Response:
        releases.release_reservation(user=current_user(request), reservation_id=reservation_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class ReservationsField(serializers.ListField):
    def __init__(self) -> None:
        super().__init__(child=serializers.UUIDField(), min_length=1, max_length=MOST_AT_ONCE)


class PaymentBeginnings(APIView):
    """Tell that paying has begun: the holds last a little longer, once."""

    class PaymentBeginningsInput(serializers.Serializer[Any]):
        reservations = ReservationsField()

    @extend_schema(request=PaymentBeginningsInput, responses=PaymentBeginningsOutput)
    def post(self, request: Request) -> Response:
        expires_at = checkout.begin_payment(
            user=current_user(request),
            reservation_ids=valid_input(self.PaymentBeginningsInput, request)["reservations"],
        )
        return Response(PaymentBeginningsOutput.of(expires_at=expires_at))


class Payments(APIView):
    class PaymentsInput(serializers.Serializer[Any]):
        reservations = ReservationsField()

    @extend_schema(
        request=PaymentsInput, responses={201: PaymentsOutput}, parameters=[IDEMPOTENCY_KEY_HEADER]
    )
    def post(self, request: Request) -> HttpResponse:
        user = current_user(request)
        named = valid_input(self.PaymentsInput, request)
        return answer_once(
            request,
            named,
            PaymentsOutput.represent,
            lambda once: checkout.pay_reservations(
                user=user, reservation_ids=named["reservations"], once=once
            ),
            status.HTTP_201_CREATED,
        )


class TicketList(generics.ListAPIView[Ticket]):
    queryset = Ticket.objects.none()  # names the model to the OpenAPI document
    serializer_class = MyTicketSerializer
    pagination_class = NewestFirst

    def get_queryset(self) -> QuerySet[Ticket]:
        return tickets.my_tickets(user=current_user(self.request))


class TicketDetail(APIView):
    @extend_schema(responses=MyTicketSerializer)
    def get(self, request: Request, ticket_id: uuid.UUID) -> Response:
        ticket = tickets.get_ticket(user=current_user(request), ticket_id=ticket_id)
        return Response(MyTicketSerializer.represent(ticket))


class SvgRenderer(FileRenderer):
    media_type = "image/svg+xml"


class BytesRenderer(SvgRenderer):
    """The same picture as a file, for generated clients without a type for pictures."""

    media_type = "application/octet-stream"


class TicketQr(APIView):
    # Apps that accept only JSON get the picture, as in earlier versions.
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
        return HttpResponse(qr_svg(ticket), content_type=media_type)


class RefundQuote(APIView):
    @extend_schema(responses=RefundQuoteOutput)
    def get(self, request: Request, ticket_id: uuid.UUID) -> Response:
        quote = ticket_cancellation.quote_refund(user=current_user(request), ticket_id=ticket_id)
        return Response(RefundQuoteOutput.represent(quote))


class Cancel(APIView):
    @extend_schema(request=None, responses=RefundSerializer, parameters=[IDEMPOTENCY_KEY_HEADER])
    def post(self, request: Request, ticket_id: uuid.UUID) -> HttpResponse:
        user = current_user(request)
        return answer_once(
            request,
            {},
            RefundSerializer.represent,
            lambda once: ticket_cancellation.cancel_ticket(
                user=user, ticket_id=ticket_id, once=once
            ),
            status.HTTP_200_OK,
        )


class OfferOfTicket(APIView):
    """Hand a ticket on: offer it to an address, look at the open offer, withdraw it."""

    class OfferInput(serializers.Serializer[Any]):
        email = AddressField(help_text="the receiver's; whether it has an account is not told")

        def validate_email(self, typed: str) -> str:
            try:
                return clean_email(typed)
            except ValidationError as error:
                raise serializers.ValidationError(error.messages, error.code) from None

    @extend_schema(responses=TicketOfferSerializer)
    def get(self, request: Request, ticket_id: uuid.UUID) -> Response:
        offer = ticket_offers.get_offer_of(user=current_user(request), ticket_id=ticket_id)
        return Response(TicketOfferSerializer.represent(offer))

    @extend_schema(
        request=OfferInput,
        responses={201: TicketOfferSerializer},
        description="Offered to the same address again, the answer is the open offer.",
    )
    def post(self, request: Request, ticket_id: uuid.UUID) -> Response:
        offer = ticket_offers.offer_ticket(
            user=current_user(request),
            ticket_id=ticket_id,
            email=valid_input(self.OfferInput, request)["email"],
        )
        return Response(TicketOfferSerializer.represent(offer), status=status.HTTP_201_CREATED)

    @extend_schema(responses={204: None})
    def delete(self, request: Request, ticket_id: uuid.UUID) -> Response:
        ticket_offers.withdraw_offer(user=current_user(request), ticket_id=ticket_id)
        return Response(status=status.HTTP_204_NO_CONTENT)


class OffersToMe(APIView):
    """The open offers to the user's confirmed address, newest first."""

    @extend_schema(operation_id="tickets_offers_list", responses=TicketOffersOutput)
    def get(self, request: Request) -> Response:
        return Response(
            TicketOffersOutput.of(offers=ticket_offers.offers_to(user=current_user(request)))
        )


class OfferToMe(APIView):
    @extend_schema(responses=TicketOfferSerializer)
    def get(self, request: Request, offer_id: uuid.UUID) -> Response:
        offer = ticket_offers.get_offer(user=current_user(request), offer_id=offer_id)
        return Response(TicketOfferSerializer.represent(offer))


class OfferAcceptance(APIView):
    @extend_schema(
        request=None,
        responses=MyTicketSerializer,
        description="The ticket is the user's, with a new code; the old one ends. Accepted again,"
        " the answer is the ticket as it is now.",
    )
    def post(self, request: Request, offer_id: uuid.UUID) -> Response:
        ticket = ticket_offers.accept_offer(user=current_user(request), offer_id=offer_id)
        return Response(MyTicketSerializer.represent(ticket))


class OfferDeclining(APIView):
    @extend_schema(request=None, responses={204: None})
    def post(self, request: Request, offer_id: uuid.UUID) -> Response:
        ticket_offers.decline_offer(user=current_user(request), offer_id=offer_id)
        return Response(status=status.HTTP_204_NO_CONTENT)
