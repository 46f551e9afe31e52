"""Tickets as files, for pages and API: PDF, calendar entry, and the wallets of phones.

A ticket that is over has neither PDF nor pass; its calendar entry says that it is cancelled. Each
function raises NotFound, also for another user's ticket, and where a wallet is off.
"""

import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from django.utils.translation import gettext as _

from accounts.models import User
from concertbook.errors import NotFound
from concertbook.http.downloads import download
from payments import ticket_calendar, ticket_pdf
from payments.services import tickets
from payments.ticket_document import TicketDocument, describe
from payments.wallets import apple, google


def pdf_of_ticket(user: User, ticket_id: uuid.UUID) -> HttpResponse:
    return _pdf([_usable(_find(user, ticket_id))])


def pdf_of_order(user: User, reservation_id: uuid.UUID) -> HttpResponse:
    found = [each for each in _find_all(user, reservation_id) if not each.state.is_over]
    if not found:
        raise NotFound
    return _pdf(found)


def calendar_of_ticket(user: User, ticket_id: uuid.UUID) -> HttpResponse:
    return _calendar([_find(user, ticket_id)])


def calendar_of_order(user: User, reservation_id: uuid.UUID) -> HttpResponse:
    return _calendar(_find_all(user, reservation_id))


def apple_wallet(user: User, ticket_id: uuid.UUID) -> HttpResponse:
    if not apple.is_on():
        raise NotFound
    written = apple.write_pkpass(_usable(_find(user, ticket_id)))
    return download(written, apple.MEDIA_TYPE, f"{_('Ticket')}.pkpass")


def google_link(user: User, ticket_id: uuid.UUID) -> str:
    """The address that adds the ticket to the wallet. It contains the ticket's code."""
    if not google.is_on():
        raise NotFound
    ticket = tickets.get_ticket(user=user, ticket_id=ticket_id)
    return google.save_link(_usable(describe(ticket)), now=ticket.read_at)


def _find(user: User, ticket_id: uuid.UUID) -> TicketDocument:
    return describe(tickets.get_ticket(user=user, ticket_id=ticket_id))


def _find_all(user: User, reservation_id: uuid.UUID) -> list[TicketDocument]:
    found: list[Any] = tickets.tickets_of_order(user=user, reservation_id=reservation_id)
    return [describe(each) for each in found]


def _usable(ticket: TicketDocument) -> TicketDocument:
    if ticket.state.is_over:
        raise NotFound
    return ticket


def _pdf(shown: Sequence[TicketDocument]) -> HttpResponse:
    return download(ticket_pdf.write_pdf(shown), ticket_pdf.MEDIA_TYPE, f"{_name(shown)}.pdf")


def _calendar(shown: Sequence[TicketDocument]) -> HttpResponse:
    written = ticket_calendar.write_ticket_calendar(shown)
    return download(written, ticket_calendar.MEDIA_TYPE, f"{_name(shown)}.ics")


def _name(shown: Sequence[TicketDocument]) -> str:
    """Of one ticket its seat, of several the order's number."""
    first = shown[0]
    return f"{_('Ticket')} {first.label if len(shown) == 1 else first.order}"
