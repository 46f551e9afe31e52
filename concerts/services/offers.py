"""What can be bought now: one definition for pages, API and filters.

A performance that is not cancelled and whose sale is not over can be bought while its waiting room
accepts joins and a seat is free. A paused room counts as open: a pause is short, and a buyer can
still join the line. A seat in its cooldown, like a held one, may become free again: such a
performance is not sold out.
"""

import datetime as dt
from typing import Any

from django.db.models import (
    Case,
    CharField,
    Exists,
    F,
    Func,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    TextChoices,
    Value,
    When,
)
from django.db.models.functions import Coalesce, Greatest
from django.utils.translation import gettext_lazy as _

from concertbook.db.clock import StatementTime
from concerts.models import Concert, ConcertSchedule, ConcertScheduleQuerySet, Seat
from queueing.models import WaitingRoom

RoomState = WaitingRoom.State


class Sale(TextChoices):
    """What can be bought of a performance; for a concert the first value that any performance has.

    ``UNANNOUNCED``: there are no seats yet, or no performances.
    """

    OPEN = "open", _("On sale")
    BUSY = "busy", _("No seat is free just now")
    UPCOMING = "upcoming", _("Not on sale yet")
    UNANNOUNCED = "unannounced", _("Not on sale yet")
    DRAINING = "draining", _("The line takes no more buyers")
    CLOSED = "closed", _("The line is closed")
    SOLD_OUT = "sold_out", _("Sold out")
    OVER = "over", _("Sale over")
    CANCELLED = "cancelled", _("Performance cancelled")


def with_sales(schedules: ConcertScheduleQuerySet, now: dt.datetime) -> ConcertScheduleQuerySet:
    """Schedules with ``sale`` (Sale) and ``sale_opens_at``, at ``now``, the database's clock.

    ``sale_opens_at`` is when the first seat can be bought: not before the waiting room opens.
    """
    seats = Seat.objects.filter(schedule=OuterRef("pk"))
    room_state = "concert__waiting_room__state"
    opening: Any = schedules.annotate(
        sale_opens_at=Case(
            When(
                **{room_state: RoomState.SCHEDULED},
                then=Greatest("reserve_from", "concert__waiting_room__opens_at"),
            ),
            default=F("reserve_from"),
        )
    )
    on_sale: ConcertScheduleQuerySet = opening.annotate(
        sale=Case(
            When(cancelled_at__isnull=False, then=Value(Sale.CANCELLED)),
            When(reserve_until__lte=now, then=Value(Sale.OVER)),
            When(_is_upcoming(now), then=Value(Sale.UPCOMING)),
            When(Exists(seats.free()), then=_while_the_room_is(Sale.OPEN)),
            When(
                Exists(seats.filter(status__in=[Seat.Status.AVAILABLE, Seat.Status.HELD])),
                then=_while_the_room_is(Sale.BUSY),
            ),
            When(Exists(seats), then=Value(Sale.SOLD_OUT)),
            default=Value(Sale.UNANNOUNCED),
            output_field=CharField(),
        )
    )
    return on_sale


def sales_in_room(*, room_id: int) -> ConcertScheduleQuerySet:
    """The schedules behind a waiting room whose sale is open by the database's clock."""
    now = StatementTime()
    return ConcertSchedule.objects.filter(
        concert__waiting_room=room_id,
        cancelled_at=None,
        reserve_from__lte=now,
        reserve_until__gt=now,
    )


def _is_upcoming(now: dt.datetime) -> Q:
    return Q(cancelled_at=None, reserve_until__gt=now, sale_opens_at__gt=now)


def _sells_free_seats(now: dt.datetime) -> Q:
    """``sale`` is OPEN if a seat is free besides."""
    rooms = [RoomState.CLOSED, RoomState.DRAINING]
    times = Q(cancelled_at=None, reserve_until__gt=now, sale_opens_at__lte=now)
    return times & ~Q(concert__waiting_room__state__in=rooms)


def _while_the_room_is(sale: Sale) -> Case:
    room_state = "concert__waiting_room__state"
    return Case(
        When(**{room_state: RoomState.CLOSED}, then=Value(Sale.CLOSED)),
        When(**{room_state: RoomState.DRAINING}, then=Value(Sale.DRAINING)),
        default=Value(sale),
    )


def with_offers(concerts: QuerySet[Concert], now: dt.datetime) -> QuerySet[Concert]:
    """Concerts with their offers at ``now``, the database's clock.

    ``sale`` (Sale), ``is_moved`` (a performance to come was moved), ``next_sale`` (when the next
    sale opens, or None), ``from_price`` (won, of the free seats on sale, else of those that will
    be; None without any), ``run_starts`` and ``run_ends``: of the performances that are not
    cancelled; of all, if all are cancelled; as the operator entered them, if there are none.
    """
    sales: Any = with_sales(ConcertSchedule.objects.filter(concert=OuterRef("pk")), now)
    # ``sale`` may read every seat of a hall, so it is computed once: not compared with a value
    # where dates and the room's state say the same.
    rank = sales.annotate(rank=Func(Value(Sale.values), F("sale"), function="array_position"))
    upcoming = sales.filter(_is_upcoming(now))
    return concerts.annotate(
        sale=Coalesce(
            Element(Value(Sale.values), Subquery(rank.order_by("rank").values("rank")[:1])),
            Value(Sale.UNANNOUNCED),
            output_field=CharField(),
        ),
        is_moved=Exists(_moved(now)),
        next_sale=Subquery(upcoming.order_by("sale_opens_at").values("sale_opens_at")[:1]),
        from_price=Coalesce(
            _lowest_price(sales.filter(_sells_free_seats(now))), _lowest_price(upcoming)
        ),
        run_starts=_of_run("start_at", "start_at", "start_time"),
        run_ends=_of_run("-end_at", "end_at", "end_time"),
    )


class Element(Func):
    """The element of an array of text at an index."""

    template = "(%(expressions)s]"
    arg_joiner = "::text[])["


def _moved(now: dt.datetime) -> QuerySet[ConcertSchedule]:
    moved = ConcertSchedule.objects.filter(concert=OuterRef("pk"), moved_from__isnull=False)
    return moved.filter(cancelled_at=None, end_at__gt=now)


def _lowest_price(sales: QuerySet[Any]) -> Subquery:
    """The lowest price of a free seat of these performances."""
    seats = Seat.objects.free().filter(schedule=OuterRef("pk")).order_by("price")
    prices = sales.annotate(lowest=Subquery(seats.values("price")[:1]))
    return Subquery(prices.order_by(F("lowest").asc(nulls_last=True)).values("lowest")[:1])


def _of_run(order: str, column: str, entered: str) -> Coalesce:
    every = ConcertSchedule.objects.filter(concert=OuterRef("pk")).order_by(order).values(column)
    return Coalesce(Subquery(every.filter(cancelled_at=None)[:1]), Subquery(every[:1]), F(entered))
