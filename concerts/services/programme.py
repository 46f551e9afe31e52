"""The programme: concerts and their schedules."""

import datetime as dt
import uuid
from typing import Any

from django.db.models import Exists, OuterRef, QuerySet, TextChoices
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models import rehearsal_of
from concertbook.db.clock import database_now
from concertbook.db.prepared import Param, Prepared
from concertbook.errors import NotFound
from concerts.models import Concert, ConcertQuerySet, ConcertSchedule
from concerts.services.offers import Sale, with_offers


class Show(TextChoices):
    """What to show of the programme. ``WEEK``: performances until the end of Sunday in Seoul."""

    ON_SALE = "on_sale", _("On sale")
    OPENING = "opening", _("Opening soon")
    WEEK = "week", _("This week")


def find_concerts(*, search: str = "", show: str = "", on_sale: bool = False) -> QuerySet[Concert]:
    """Concerts that are not over, ordered by their start, with their offers (with_offers).

    ``show`` is one of Show, or "" for all; those that open are ordered by the opening. ``on_sale``
    means ``Show.ON_SALE``, as apps ask for it. A rehearsal's concert is in no list.
    It can be found by its id, which is unguessable and told to its buyers, and by every visitor,
    because public answers do not depend on the visitor: the rehearsal is checked where a buyer
    joins the line, views the seats or holds one.
    """
    now = database_now()
    real = Concert.objects.visible_to(None).select_related("waiting_room")
    offers: QuerySet[Any] = with_offers(real.search(search) if search else real, now)
    concerts = offers.filter(run_ends__gt=now).order_by("run_starts", "pk")
    if on_sale or show == Show.ON_SALE:
        concerts = concerts.filter(sale=Sale.OPEN)
    if show == Show.OPENING:
        return concerts.filter(next_sale__isnull=False).order_by("next_sale", "pk")
    return concerts.filter(_plays_this_week(now)) if show == Show.WEEK else concerts


def _plays_this_week(now: dt.datetime) -> Exists:
    today = timezone.localtime(now, timezone.get_default_timezone())
    monday = today.date() + dt.timedelta(days=7 - today.weekday())
    ends = dt.datetime.combine(monday, dt.time(), today.tzinfo)
    played = ConcertSchedule.objects.filter(concert=OuterRef("pk"), cancelled_at=None)
    return Exists(played.filter(start_at__lt=ends, end_at__gt=now))


def get_concert(concert_id: uuid.UUID) -> Concert:
    """The concert with its offer (with_offers). Raises NotFound, also for a draft."""
    return _get_concert(Concert.objects.published(), concert_id)


def get_any_concert(concert_id: uuid.UUID) -> Concert:
    """As get_concert, also a draft: for the staff."""
    return _get_concert(Concert.objects.all(), concert_id)


def _get_concert(concerts: ConcertQuerySet, concert_id: uuid.UUID) -> Concert:
    offers = with_offers(concerts.select_related("waiting_room"), database_now())
    concert = offers.filter(pk=concert_id).first()
    if concert is None:
        raise NotFound
    return concert


def require_published(schedule_id: uuid.UUID) -> None:
    """Raises NotFound for a schedule that no buyer can find: unknown, or a draft's."""
    if not ConcertSchedule.objects.published().filter(pk=schedule_id).exists():
        raise NotFound


def get_schedule(schedule_id: uuid.UUID, *, viewer: object = None) -> ConcertSchedule:
    """The schedule with its concert and room, for a buyer.

    ``viewer`` is the request's user, None for an anonymous one. Raises NotFound, also for a
    draft's, and for a rehearsal's schedule unless the viewer is one of its buyers.
    """
    schedule = SCHEDULE.first(rehearsal=rehearsal_of(viewer), schedule=schedule_id)
    if schedule is None:
        raise NotFound
    return schedule


def _schedule() -> QuerySet[ConcertSchedule]:
    schedules = ConcertSchedule.objects.of_rehearsal(Param("rehearsal")).order_by()
    found = schedules.filter(pk=Param("schedule")).select_related("concert__waiting_room")
    return found.defer("concert__searched")


SCHEDULE = Prepared(_schedule)
