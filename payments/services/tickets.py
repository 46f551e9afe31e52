"""A user's tickets."""

import uuid
from collections.abc import Iterable
from functools import cache
from typing import Any

from django.db.models import (
    Case,
    Count,
    Exists,
    F,
    OuterRef,
    Prefetch,
    Q,
    QuerySet,
    Subquery,
    When,
)
from django.db.models.functions import Coalesce

from accounts.models import User
from concertbook.db.clock import StatementTime
from concertbook.db.prepared import AnyOf, Param, Prepared
from concertbook.errors import NotFound
from payments.models import Payment, Ticket, TicketOffer


def my_tickets(*, user: User) -> QuerySet[Ticket]:
    """The user's tickets with the related rows of an answer, refunds included."""
    payments = Payment.objects.select_related("refund")
    tickets = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    return tickets.filter(user=user).prefetch_related(Prefetch("reservation__payments", payments))


def tickets_by_show(*, user: User) -> QuerySet[Ticket]:
    """The user's tickets as a page lists them: first those for shows to come, the next show first;
    then the others, the latest show first."""
    return _by_show().filter(user=user)


def first_tickets(*, user: User, most: int) -> list[Any]:
    """The first so many of tickets_by_show, each with ``has_offers``: whether tickets of others are
    offered to the user's address. One statement."""
    return _first(most).fetch(user=user.pk, email=user.email)


@cache
def _first(most: int) -> Prepared[Any]:
    offers = TicketOffer.objects.filter(email=Param("email"), is_open=True).order_by()
    mine = _by_show().filter(user=Param("user")).annotate(has_offers=Exists(offers))
    return Prepared(lambda: mine[:most])


def _by_show() -> QuerySet[Any]:
    start_at = F("reservation__schedule__start_at")
    is_gone = (
        Q(status=Ticket.Status.CANCELLED)
        | Q(reservation__schedule__cancelled_at__isnull=False)
        | Q(reservation__schedule__end_at__lte=StatementTime())
    )
    return _shown().order_by(
        # NULL, which comes last, for those that are gone.
        Case(When(~is_gone, then=start_at)),
        start_at.desc(),
        "seat_number",
        "-pk",
    )


def _shown() -> QuerySet[Ticket]:
    tickets = Ticket.objects.select_related("seat", "reservation__schedule__concert")
    return tickets.only(
        *("status", "price", "start_at", "seat__label", "seat__kind"),
        *(f"reservation__schedule__concert__{name}" for name in ("title", "title_en", "colour")),
        *("reservation__schedule__start_at", "reservation__schedule__cancelled_at"),
    )


def get_ticket(*, user: User, ticket_id: uuid.UUID) -> Any:
    """The Ticket, with the database's clock as ``read_at``, with ``offered_to`` (None without an
    open offer) and with ``times_handed_on``. One statement.

    Raises NotFound, also for another user's.
    """
    ticket = TICKET.first(user=user.pk, ticket=ticket_id)
    if ticket is None:
        raise NotFound
    return ticket


def _ticket() -> QuerySet[Any]:
    mine = Ticket.objects.filter(user=Param("user"), pk=Param("ticket")).order_by()
    return _described(mine)


def _described(tickets: QuerySet[Ticket]) -> QuerySet[Any]:
    """With all that payments.ticket_document.describe reads, the address that a ticket is offered
    to now, and how often it was handed on."""
    offers = TicketOffer.objects.filter(ticket=OuterRef("pk")).order_by()
    accepted = offers.filter(number__isnull=False).values("ticket").annotate(n=Count("pk"))
    return tickets.select_related("user", "seat", "reservation__schedule__concert").annotate(
        read_at=StatementTime(),
        offered_to=Subquery(offers.filter(is_open=True).values("email")[:1]),
        times_handed_on=Coalesce(Subquery(accepted.values("n")), 0),
    )


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
    return _described(beside)


BESIDE: Prepared[Any] = Prepared(_beside)


def tickets_of_order(*, user: User, reservation_id: uuid.UUID) -> list[Any]:
    """This reservation's ticket and those that the user holds of the same order, by show and seat,
    each as of get_ticket; cancelled ones too. One statement.

    Raises NotFound, also for a ticket of another user.
    """
    found = OF_ORDER.fetch(user=user.pk, reservation=reservation_id)
    if not found:
        raise NotFound
    return found


def _of_order() -> QuerySet[Any]:
    # All tickets of one checkout have the same time, and a user has one checkout at a time.
    mine = Ticket.objects.filter(user=Param("user")).order_by()
    issued_at = mine.filter(reservation=Param("reservation")).values("created_at")
    together = _described(mine.filter(created_at=Subquery(issued_at)))
    return together.order_by("reservation__schedule__start_at", "seat_number")


OF_ORDER: Prepared[Any] = Prepared(_of_order)


def described_tickets(*, user: User, ticket_ids: Iterable[str]) -> list[Any]:
    """Those of these tickets that the user holds, as of get_ticket, by show and seat. One
    statement."""
    return AMONG.fetch(user=user.pk, tickets=ticket_ids)


def _among() -> QuerySet[Any]:
    mine = Ticket.objects.filter(AnyOf("pk", "tickets"), user=Param("user"))
    return _described(mine).order_by("reservation__schedule__start_at", "seat_number")


AMONG: Prepared[Any] = Prepared(_among)


def tickets_for_show(*, user: User, schedule_id: uuid.UUID) -> list[Any]:
    """The user's tickets for the show that were neither used nor cancelled, as of get_ticket, by
    seat. One statement."""
    return FOR_SHOW.fetch(user=user.pk, schedule=schedule_id)


def _for_show() -> QuerySet[Any]:
    mine = Ticket.objects.filter(
        user=Param("user"), seat__schedule=Param("schedule"), status=Ticket.Status.ISSUED
    )
    return _described(mine).order_by("seat_number")


FOR_SHOW: Prepared[Any] = Prepared(_for_show)


def handed_on_tickets(*, user: User, schedule_id: uuid.UUID) -> list[Ticket]:
    """The tickets for the show that the user bought and others hold, neither used nor cancelled, by
    seat."""
    given = Ticket.objects.filter(
        reservation__user=user, seat__schedule=schedule_id, status=Ticket.Status.ISSUED
    ).exclude(user=user)
    return list(given.select_related("seat", "reservation__schedule").order_by("seat__number"))
