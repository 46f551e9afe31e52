"""A ticket as a file, for mobile apps (payments/ticket_files.py).

A ticket that is over has neither PDF nor pass. A wallet that is off has none (404).
"""

import uuid

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.requests import current_user
from concertbook.http.downloads import renderers_of
from payments import ticket_files, ticket_pdf
from payments.representations import GoogleWalletOutput
from payments.wallets import apple


class TicketPdf(APIView):
    """A page with the QR code, for a printer or a phone, in the language of Accept-Language."""

    renderer_classes = renderers_of(ticket_pdf.MEDIA_TYPE)

    @extend_schema(responses={(200, ticket_pdf.MEDIA_TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, ticket_id: uuid.UUID) -> HttpResponse:
        return ticket_files.pdf_of_ticket(current_user(request), ticket_id)


class TicketCalendar(APIView):
    """The show for a calendar (RFC 5545). Its UID stays: read again, it is moved or cancelled."""

    renderer_classes = renderers_of("text/calendar")

    @extend_schema(responses={(200, "text/calendar"): OpenApiTypes.BINARY})
    def get(self, request: Request, ticket_id: uuid.UUID) -> HttpResponse:
        return ticket_files.calendar_of_ticket(current_user(request), ticket_id)


class AppleWallet(APIView):
    """The ticket for Apple Wallet."""

    renderer_classes = renderers_of(apple.MEDIA_TYPE)

    @extend_schema(responses={(200, apple.MEDIA_TYPE): OpenApiTypes.BINARY})
    def get(self, request: Request, ticket_id: uuid.UUID) -> HttpResponse:
        return ticket_files.apple_wallet(current_user(request), ticket_id)


class GoogleWallet(APIView):
    """The link that adds the ticket to Google Wallet. It contains the ticket's code."""

    @extend_schema(responses=GoogleWalletOutput)
    def get(self, request: Request, ticket_id: uuid.UUID) -> Response:
        url = ticket_files.google_link(current_user(request), ticket_id)
        return Response(GoogleWalletOutput.of(url=url))
