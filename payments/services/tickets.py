"""A user's tickets and their QR codes."""

import io
import uuid
from functools import cache
from typing import Any

import segno
from django.db.models import Prefetch, QuerySet, Subquery
from django.utils.safestring import SafeString, mark_safe

from accounts.models import User
from concertbook.db.clock import StatementTime
from concertbook.db.prepared import Param, Prepared
from concertbook.errors import NotFound
from payments.models import Payment, Ticket


def my_tickets(*, user: User) -> QuerySet[Ticket]:
    """The user's tickets with the related rows of an answer, refunds included."""
    payments = Payment.objects.select_related("refund")
    tickets = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    return tickets.filter(user=user).prefetch_related(Prefetch("reservation__payments", payments))


def newest_tickets(*, user: User, most: int) -> list[Ticket]:
    """The first so many of my_tickets, with what a list shows of them. One statement."""
    return _newest(most).fetch(user=user.pk)


@cache
def _newest(most: int) -> Prepared[Ticket]:
    return Prepared(lambda: _shown().filter(user=Param("user"))[:most])


def _shown() -> QuerySet[Ticket]:
    tickets = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    return tickets.only(
        *("status", "price", "seat__label", "seat__kind"),
        *(f"reservation__schedule__concert__{name}" for name in ("title", "title_en", "colour")),
        *("reservation__schedule__start_at", "reservation__schedule__cancelled_at"),
    )


def get_ticket(*, user: User, ticket_id: uuid.UUID) -> Any:
    """The Ticket, with the database's clock as ``read_at``. One statement.

    Raises NotFound, also for another user's.
    """
    ticket = TICKET.first(user=user.pk, ticket=ticket_id)
    if ticket is None:
        raise NotFound
    return ticket


def _ticket() -> QuerySet[Any]:
    mine = Ticket.objects.filter(user=Param("user"), pk=Param("ticket")).order_by()
    related = mine.select_related("seat", "reservation__schedule__concert")
    return related.annotate(read_at=StatementTime())


TICKET: Prepared[Any] = Prepared(_ticket)


def tickets_beside(*, user: User, ticket_id: uuid.UUID) -> list[Any]:
    """This ticket as of get_ticket, followed by the user's other live tickets for the same show, by
    seat. One statement.

    Raises NotFound, also for another user's.
    """
    found = BESIDE.fetch(user=user.pk, ticket=ticket_id)
    asked = [each for each in found if each.pk == ticket_id]
    if not asked:
        raise NotFound
    live = (Ticket.Status.ISSUED, Ticket.Status.USED)
    return asked + [each for each in found if each.pk != ticket_id and each.status in live]


def _beside() -> QuerySet[Any]:
    mine = Ticket.objects.filter(user=Param("user"))
    show = mine.filter(pk=Param("ticket")).order_by().values("reservation__schedule")
    beside = mine.filter(reservation__schedule=Subquery(show)).order_by("seat_number")
    related = beside.select_related("seat", "reservation__schedule__concert")
    return related.annotate(read_at=StatementTime())


BESIDE: Prepared[Any] = Prepared(_beside)


def qr_inline(ticket: Ticket) -> SafeString:
    """As qr_svg, for within a page: without a size, and with the id ``qr-<ticket>``."""
    code = segno.make(ticket.code, error="m", micro=False)
    return mark_safe(
        code.svg_inline(omitsize=True, border=4, dark="#000", light="#fff", svgid=f"qr-{ticket.pk}")
    )


def qr_svg(ticket: Ticket) -> bytes:
    """The ticket's code as a QR code: a standalone SVG, black on white in any theme."""
    picture = io.BytesIO()
    code = segno.make(ticket.code, error="m", micro=False)
    code.save(picture, kind="svg", scale=6, border=4, dark="#000", light="#fff")
    return picture.getvalue()
