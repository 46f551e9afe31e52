"""What is on: concerts and their schedules, for whoever looks."""

import datetime as dt
import uuid

from django.db.models import (
    Case,
    Exists,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)

from concertbook.clock import database_now
from concertbook.errors import NotFound
from concerts.models import (
    Concert,
    ConcertSchedule,
    ConcertScheduleQuerySet,
    Seat,
)


def find_concerts(
    *, viewer: object = None, search: str = "", on_sale: bool = False
) -> QuerySet[Concert]:
    """Concerts that are not over yet, soonest first; ``on_sale`` keeps those one can buy now.

    Here and below, ``viewer`` is the request's user, None for an anonymous one: a rehearsal is
    shown to its own buyers only.
    """
    now = database_now()
    concerts = Concert.objects.visible_to(viewer).select_related("waiting_room")
    concerts = concerts.filter(end_time__gt=now)
    if search:
        concerts = concerts.filter(
            Q(title__icontains=search)
            | Q(description__icontains=search)
            | Q(venue__icontains=search)
        )
    if on_sale:
        concerts = concerts.filter(
            pk__in=_on_sale(ConcertSchedule.objects.all(), now).values("concert")
        )
    return concerts


def _on_sale(schedules: ConcertScheduleQuerySet, now: dt.datetime) -> ConcertScheduleQuerySet:
    return schedules.filter(reserve_from__lte=now, reserve_until__gt=now, cancelled_at=None)


def find_offers(
    *, viewer: object = None, search: str = "", on_sale: bool = False
) -> QuerySet[Concert]:
    """find_concerts with what a poster says of each.

    ``from_price`` (won; None without seats), ``is_on_sale``, ``next_sale``: when the next sale
    opens, None when none will, and ``is_cancelled``: it had schedules, and all were cancelled.
    """
    now = database_now()
    mine = ConcertSchedule.objects.filter(concert=OuterRef("pk")).order_by()
    seats = Seat.objects.filter(schedule__concert=OuterRef("pk")).order_by("price")
    upcoming = mine.filter(reserve_from__gt=now, cancelled_at=None).order_by("reserve_from")
    return find_concerts(viewer=viewer, search=search, on_sale=on_sale).annotate(
        from_price=Subquery(seats.values("price")[:1]),
        is_on_sale=Exists(_on_sale(mine, now)),
        next_sale=Subquery(upcoming.values("reserve_from")[:1]),
        is_cancelled=Exists(mine) & ~Exists(mine.filter(cancelled_at=None)),
    )


def get_concert(concert_id: uuid.UUID, *, viewer: object = None) -> Concert:
    """Raises NotFound."""
    concerts = Concert.objects.visible_to(viewer).select_related("waiting_room")
    concert = concerts.filter(pk=concert_id).first()
    if concert is None:
        raise NotFound
    return concert


def find_schedules(concert: Concert) -> ConcertScheduleQuerySet:
    # Grouping for the count drops the model's own order.
    return concert.schedules.with_seats_available().order_by("start_at", "pk")


def find_performances(concert: Concert) -> QuerySet[ConcertSchedule]:
    """find_schedules with what a buyer asks first.

    ``lowest`` and ``highest`` seat price (won; None without seats), and ``sale``: cancelled, or
    upcoming, open or over by the database's clock.
    """
    now = database_now()
    return find_schedules(concert).annotate(
        lowest=Min("seats__price"),
        highest=Max("seats__price"),
        sale=Case(
            When(cancelled_at__isnull=False, then=Value("cancelled")),
            When(reserve_from__gt=now, then=Value("upcoming")),
            When(reserve_until__lte=now, then=Value("over")),
            default=Value("open"),
        ),
    )


def get_schedule(
    schedule_id: uuid.UUID, *, viewer: object = None, with_seats_available: bool = False
) -> ConcertSchedule:
    """The schedule with its concert and room. Raises NotFound."""
    schedules = ConcertSchedule.objects.visible_to(viewer).select_related("concert__waiting_room")
    if with_seats_available:
        schedules = schedules.with_seats_available()
    schedule = schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule
