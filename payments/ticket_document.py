"""One description of a ticket, from which all is made that shows it: the ticket page, its PDF, its
calendar entry, its wallet passes and its mail."""

import datetime as dt
import uuid
from dataclasses import dataclass
from enum import Enum
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils.translation import get_language, gettext_lazy, pgettext
from django.utils.translation import gettext as _

from concertbook.templatetags.money import won
from concertbook.templatetags.times import day, when_text
from concerts.models import Seat
from concerts.poster_art import Artwork, artwork
from concerts.refund_policy import RefundPolicy, Step, is_moved
from concerts.templatetags.sales import told_as_text
from payments.models import Ticket
from payments.services.orders import order_number

REFUND_TERMS = gettext_lazy("Cancellation fee, of the price")


class State(Enum):
    GOOD = "good"
    USED = "used"
    CANCELLED = "cancelled"
    SHOW_CANCELLED = "show_cancelled"

    @property
    def is_over(self) -> bool:
        """Whether the seat is the holder's no more."""
        return self in (State.CANCELLED, State.SHOW_CANCELLED)


@dataclass(frozen=True)
class TicketDocument:
    """What a ticket says, in the language that was active when ``describe`` made it.

    ``starts_at`` and ``ends_at`` are the show's present times, ``announced_at`` is the start at the
    purchase. ``refund_steps`` is the ladder of fees from now on; empty for a holder who is not the
    buyer, and cannot cancel.
    """

    ticket_id: uuid.UUID
    reservation_id: uuid.UUID
    schedule_id: uuid.UUID
    concert_id: uuid.UUID
    language: str
    state: State
    code: str
    order: str
    title: str
    artist: str
    venue: str
    address: str
    starts_at: dt.datetime
    ends_at: dt.datetime
    announced_at: dt.datetime
    doors_open_at: dt.datetime
    section: str
    row: str
    seat_in_row: int
    label: str
    grade: str
    kind: str
    kind_name: str
    holder: str
    price: int
    bought_at: dt.datetime
    refund_steps: list[Step]
    changed_at: dt.datetime
    art: Artwork

    @property
    def was_moved(self) -> bool:
        return self.starts_at != self.announced_at

    @property
    def is_special(self) -> bool:
        """Whether the kind of the seat must be said."""
        return self.kind != Seat.Kind.STANDARD

    @property
    def page(self) -> str:
        """The address of the ticket's page."""
        return str(settings.SITE_URL) + reverse("ticket", args=[self.ticket_id])

    def facts(self) -> list[tuple[str, str]]:
        """What is said of the seat and its holder, as labels and values; empty ones left out."""
        seat = [
            (pgettext("of a hall", "Section"), self.section),
            (_("Row"), self.row),
            (_("Seat"), str(self.seat_in_row)),
            (_("Grade"), self.grade),
            (_("Kind of seat"), self.kind_name if self.is_special else ""),
            (_("Holder"), self.holder),
        ]
        return [(label, value) for label, value in seat if value]

    def order_facts(self) -> list[tuple[str, str]]:
        """What is said of the purchase."""
        return [
            (_("Doors open"), when_text(self.doors_open_at)),
            (_("Ends"), when_text(self.ends_at)),
            (_("Price"), won(self.price)),
            (_("Bought"), when_text(self.bought_at)),
            (_("Order number"), self.order),
        ]

    def refund_terms(self) -> list[tuple[str, str]]:
        """Until when cancelling costs which part of the price, with the time in which it is free
        after the purchase. Its heading is REFUND_TERMS."""
        return [(day_until(step), fee_words(step.percent)) for step in self.refund_steps]


def day_until(step: Step) -> str:
    shown = when_text(step.until) if step.is_to_the_minute else day(step.until)
    return _("until {day}").format(day=shown)


def fee_words(percent: int) -> str:
    if not percent:
        return _("free")
    return f"{percent} %"


def describe(ticket: Any) -> TicketDocument:
    """The ticket in the active language.

    ``ticket`` is one of payments.services.tickets: with its seat, holder, reservation, schedule and
    concert, and the database's clock as ``read_at``. No statement.
    """
    seat, reservation, holder = ticket.seat, ticket.reservation, ticket.user
    schedule = reservation.schedule
    concert = schedule.concert
    return TicketDocument(
        ticket_id=ticket.pk,
        reservation_id=reservation.pk,
        schedule_id=schedule.pk,
        concert_id=concert.pk,
        language=get_language() or settings.LANGUAGE_CODE,
        state=_state(ticket),
        code=ticket.code,
        order=order_number(user_id=reservation.user_id, paid_at=ticket.created_at),
        title=told_as_text(concert, "title"),
        artist=concert.artist,
        venue=told_as_text(concert, "venue"),
        address=concert.venue_address,
        starts_at=schedule.start_at,
        ends_at=schedule.end_at,
        announced_at=ticket.start_at,
        doors_open_at=schedule.doors_open_at,
        section=seat.section,
        row=seat.row,
        seat_in_row=seat.seat_in_row,
        label=seat.label,
        grade=seat.grade,
        kind=seat.kind,
        kind_name=seat.get_kind_display(),
        holder=holder.name,
        price=ticket.price,
        bought_at=ticket.created_at,
        refund_steps=_refund_steps(ticket, schedule.start_at),
        changed_at=max(ticket.updated_at, schedule.updated_at, concert.updated_at),
        art=artwork(concert),
    )


def _refund_steps(ticket: Any, start_at: dt.datetime) -> list[Step]:
    if not ticket.is_the_buyers:
        return []
    if is_moved(sold_for=ticket.start_at, start_at=start_at):
        return [Step(start_at, 0)]
    policy = RefundPolicy.parse(ticket.refund_policy)
    return policy.steps_of_ticket(
        bought_at=ticket.created_at, start_at=start_at, now=ticket.read_at
    )


def _state(ticket: Ticket) -> State:
    if ticket.reservation.schedule.cancelled_at is not None:
        return State.SHOW_CANCELLED
    return {
        Ticket.Status.ISSUED: State.GOOD,
        Ticket.Status.USED: State.USED,
        Ticket.Status.CANCELLED: State.CANCELLED,
    }[Ticket.Status(ticket.status)]
