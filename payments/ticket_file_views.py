"""Tickets as files: PDF, calendar entry, and the wallets of phones.

A ticket that is over has neither PDF nor pass; its calendar entry says that it is cancelled.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from accounts.requests import MemberRequest
from concertbook.errors import NotFound
from payments import ticket_calendar, ticket_pdf
from payments.services import tickets
from payments.ticket_document import TicketDocument, describe
from payments.wallets import apple, google


@login_required
@require_safe
def pdf_of_ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    return _pdf([_usable(_find(request, ticket_id))])


@login_required
@require_safe
def pdf_of_order(request: MemberRequest, reservation_id: uuid.UUID) -> HttpResponse:
    found = [each for each in _find_all(request, reservation_id) if not each.state.is_over]
    if not found:
        raise NotFound
    return _pdf(found)


@login_required
@require_safe
def calendar_of_ticket(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    return _calendar([_find(request, ticket_id)])


@login_required
@require_safe
def calendar_of_order(request: MemberRequest, reservation_id: uuid.UUID) -> HttpResponse:
    return _calendar(_find_all(request, reservation_id))


@login_required
@require_safe
def apple_wallet(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    if not apple.is_on():
        raise NotFound
    written = apple.write_pkpass(_usable(_find(request, ticket_id)))
    return _file(written, apple.MEDIA_TYPE, f"{_('Ticket')}.pkpass")


@login_required
@require_safe
def google_wallet(request: MemberRequest, ticket_id: uuid.UUID) -> HttpResponse:
    """Only when it is pressed: the link, which contains the code, is in no page."""
    if not google.is_on():
        raise NotFound
    ticket = tickets.get_ticket(user=request.user, ticket_id=ticket_id)
    return redirect(google.save_link(_usable(describe(ticket)), now=ticket.read_at))


def _find(request: MemberRequest, ticket_id: uuid.UUID) -> TicketDocument:
    return describe(tickets.get_ticket(user=request.user, ticket_id=ticket_id))


def _find_all(request: MemberRequest, reservation_id: uuid.UUID) -> list[TicketDocument]:
    found: list[Any] = tickets.tickets_of_order(user=request.user, reservation_id=reservation_id)
    return [describe(each) for each in found]


def _usable(ticket: TicketDocument) -> TicketDocument:
    if ticket.state.is_over:
        raise NotFound
    return ticket


def _pdf(shown: Sequence[TicketDocument]) -> HttpResponse:
    return _file(ticket_pdf.write_pdf(shown), ticket_pdf.MEDIA_TYPE, f"{_name(shown)}.pdf")


def _calendar(shown: Sequence[TicketDocument]) -> HttpResponse:
    written = ticket_calendar.write_ticket_calendar(shown)
    return _file(written, ticket_calendar.MEDIA_TYPE, f"{_name(shown)}.ics")


def _name(shown: Sequence[TicketDocument]) -> str:
    """Of one ticket its seat, of several the order's number."""
    first = shown[0]
    return f"{_('Ticket')} {first.label if len(shown) == 1 else first.order}"


def _file(content: bytes, media_type: str, name: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name) or ""
    headers = {"Content-Disposition": disposition}
    return HttpResponse(content, content_type=media_type, headers=headers)
