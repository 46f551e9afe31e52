"""Look at tickets and their QR codes."""

import io
import uuid

import segno
from django.db.models import Prefetch, QuerySet

from accounts.models import User
from concertbook.errors import NotFound
from payments.models import Payment, Refund, Ticket


def my_tickets(*, user: User) -> QuerySet[Ticket]:
    """With all that refund_of needs."""
    refunded = Payment.objects.filter(refund__isnull=False).select_related("refund")
    tickets = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    return tickets.filter(user=user).prefetch_related(
        Prefetch("reservation__payments", refunded, to_attr="refunded")
    )


def refund_of(ticket: Ticket) -> Refund | None:
    """What came back for one of my_tickets; None while it is live."""
    payments: list[Payment] = ticket.reservation.refunded  # type: ignore[attr-defined]
    return payments[0].refund if payments else None


def get_ticket(*, user: User, ticket_id: uuid.UUID) -> Ticket:
    """Raises NotFound, also for anybody else's."""
    ticket = my_tickets(user=user).filter(pk=ticket_id).first()
    if ticket is None:
        raise NotFound
    return ticket


def qr_svg(ticket: Ticket) -> bytes:
    """The code for the door as a picture: a standalone SVG, black on white in any theme."""
    picture = io.BytesIO()
    code = segno.make(ticket.code, error="m", micro=False)
    code.save(picture, kind="svg", scale=6, border=4, dark="#000", light="#fff")
    return picture.getvalue()
