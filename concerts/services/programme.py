"""The programme: concerts and their schedules."""

import uuid
from typing import Any

from django.db.models import Q, QuerySet

from accounts.models import rehearsal_of
from concertbook.db.clock import database_now
from concertbook.db.prepared import Param, Prepared
from concertbook.errors import NotFound
from concerts.models import Concert, ConcertSchedule
from concerts.services.offers import Sale, with_offers


def find_concerts(*, search: str = "", on_sale: bool = False) -> QuerySet[Concert]:
    """Concerts that are not over, ordered by their start, with their offers (with_offers).

    ``on_sale`` keeps those of which a seat can be bought now. A rehearsal's concert is in no list.
    It can be found by its id, which is unguessable and told to its buyers, and by every visitor,
    because public answers do not depend on the visitor: the rehearsal is checked where a buyer
    joins the line, views the seats or holds one.
    """
    now = database_now()
    real = Concert.objects.visible_to(None).select_related("waiting_room")
    offers: QuerySet[Any] = with_offers(real, now)
    concerts = offers.filter(run_ends__gt=now).order_by("run_starts", "pk")
    if search:
        concerts = concerts.filter(
            Q(title__looks_like=search)
            | Q(description__looks_like=search)
            | Q(venue__looks_like=search)
        )
    return concerts.filter(sale=Sale.OPEN) if on_sale else concerts


def get_concert(concert_id: uuid.UUID) -> Concert:
    """The concert with its offer (with_offers). Raises NotFound."""
    concerts = with_offers(Concert.objects.select_related("waiting_room"), database_now())
    concert = concerts.filter(pk=concert_id).first()
    if concert is None:
        raise NotFound
    return concert


def get_schedule(schedule_id: uuid.UUID, *, viewer: object = None) -> ConcertSchedule:
    """The schedule with its concert and room, for a buyer.

    ``viewer`` is the request's user, None for an anonymous one. Raises NotFound, also for a
    rehearsal's schedule unless the viewer is one of its buyers.
    """
    schedule = SCHEDULE.first(rehearsal=rehearsal_of(viewer), schedule=schedule_id)
    if schedule is None:
        raise NotFound
    return schedule


def _schedule() -> QuerySet[ConcertSchedule]:
    schedules = ConcertSchedule.objects.of_rehearsal(Param("rehearsal")).order_by()
    return schedules.filter(pk=Param("schedule")).select_related("concert__waiting_room")


SCHEDULE = Prepared(_schedule)
