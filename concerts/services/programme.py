"""The programme: concerts and their schedules."""

import uuid
from typing import Any

from django.db.models import Q, QuerySet

from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.models import Concert, ConcertSchedule, ConcertScheduleQuerySet
from concerts.services.offers import Sale, with_offers, with_prices, with_sales


def find_concerts(
    *, viewer: object = None, search: str = "", on_sale: bool = False
) -> QuerySet[Concert]:
    """Concerts that are not over, ordered by their start, with their offers (with_offers).

    ``on_sale`` keeps those of which a seat can be bought now. Here and below, ``viewer`` is the
    request's user, None for an anonymous one: a rehearsal is shown only to its own buyers.
    """
    now = database_now()
    offers: QuerySet[Any] = with_offers(_visible_to(viewer), now)
    concerts = offers.filter(run_ends__gt=now).order_by("run_starts", "pk")
    if search:
        concerts = concerts.filter(
            Q(title__looks_like=search)
            | Q(description__looks_like=search)
            | Q(venue__looks_like=search)
        )
    return concerts.filter(sale=Sale.OPEN) if on_sale else concerts


def _visible_to(viewer: object) -> QuerySet[Concert]:
    return Concert.objects.visible_to(viewer).select_related("waiting_room")


def get_concert(concert_id: uuid.UUID, *, viewer: object = None) -> Concert:
    """The concert with its offer (with_offers). Raises NotFound."""
    concerts = with_offers(_visible_to(viewer), database_now())
    concert = concerts.filter(pk=concert_id).first()
    if concert is None:
        raise NotFound
    return concert


def find_performances(concert: Concert) -> ConcertScheduleQuerySet:
    """The concert's schedules with seats left, prices (with_prices) and sale (with_sales)."""
    schedules = with_sales(with_prices(concert.schedules.all()), database_now())
    return schedules.with_seats_available()


def get_performance(schedule_id: uuid.UUID, *, viewer: object = None) -> ConcertSchedule:
    """The schedule with seats left and sale (with_sales). Raises NotFound."""
    visible = ConcertSchedule.objects.visible_to(viewer)
    found = with_sales(visible, database_now()).with_seats_available()
    schedule = found.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule


def get_schedule(schedule_id: uuid.UUID, *, viewer: object = None) -> ConcertSchedule:
    """The schedule with its concert and room. Raises NotFound."""
    schedules = ConcertSchedule.objects.visible_to(viewer).select_related("concert__waiting_room")
    schedule = schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule
