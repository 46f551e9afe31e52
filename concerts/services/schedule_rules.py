"""Rules for an operator's changes of concerts and schedules during their sale."""

import datetime as dt
import uuid

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import (
    Count,
    Exists,
    Func,
    IntegerField,
    Max,
    Min,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
)
from django.utils.translation import gettext_lazy as _

from concerts.models import (
    Concert,
    ConcertSchedule,
    Seat,
    SeatStatusHistory,
)
from concerts.services.seat_removal import delete_unheld


def require_sale_kept(
    *,
    schedule_id: uuid.UUID,
    reserve_from: dt.datetime,
    reserve_until: dt.datetime,
    purchase_limit: int,
) -> None:
    """Refuse a change of a sale under which earlier holds would have been refused.

    Refuses every change of a cancelled schedule. The schedule is locked until the end of the
    caller's transaction, which writes the change. Raises ValidationError, by field.
    """
    schedules = ConcertSchedule.objects.select_for_update(no_key=True)
    schedule = schedules.filter(pk=schedule_id, cancelled_at=None).first()
    if schedule is None:
        raise ValidationError(_("This schedule was cancelled or deleted meanwhile."))
    holds = SeatStatusHistory.objects.filter(
        seat__schedule=schedule_id, to_status=Seat.Status.HELD
    ).aggregate(first=Min("changed_at"), last=Max("changed_at"))
    if holds["first"] is None:
        return
    errors = {}
    if reserve_from > holds["first"]:
        errors["reserve_from"] = _("The first seat was held before this.")
    if reserve_until <= holds["last"]:
        errors["reserve_until"] = _("The last seat was held after this.")
    if purchase_limit < schedule.purchase_limit:
        errors["purchase_limit"] = _("Seats were held under the old limit: it can only be raised.")
    if errors:
        raise ValidationError(errors)


def moved_from(*, schedule_id: uuid.UUID, start_at: dt.datetime) -> dt.datetime | None:
    """What a schedule that now starts at ``start_at`` has as ``moved_from``.

    The start before the first move, once a seat was held under it; None if it is that again. The
    caller holds the schedule's lock (require_sale_kept) and saves both.
    """
    schedules = ConcertSchedule.objects.filter(pk=schedule_id)
    schedule = ever_held(schedules).first()
    if schedule is None:
        return None
    announced = schedule.moved_from or schedule.start_at
    return None if announced == start_at else announced


def ever_held(schedules: QuerySet[ConcertSchedule]) -> QuerySet[ConcertSchedule]:
    """The schedules of which a seat was ever held: they have a history and are not deleted."""
    return schedules.filter(Exists(Seat.objects.filter(schedule=OuterRef("pk"), version__gt=0)))


def delete_schedules(schedules: QuerySet[ConcertSchedule]) -> None:
    """Delete schedules with their seats, all or none. Raises SeatTaken if any was ever held."""
    with transaction.atomic():
        # Locked before the seats, as the generator and seat_editing do: no seat is added meanwhile.
        rows = schedules.select_for_update(of=("self",)).order_by("pk")
        keys = list(rows.values_list("pk", flat=True))
        seats = Seat.objects.filter(schedule__in=keys)
        delete_unheld(seats)
        ConcertSchedule.objects.filter(pk__in=keys).delete()


def delete_concerts(concerts: QuerySet[Concert]) -> None:
    """Delete concerts with their schedules and seats. Raises SeatTaken if any was ever held."""
    with transaction.atomic():
        keys = list(concerts.values_list("pk", flat=True))
        delete_schedules(ConcertSchedule.objects.filter(concert__in=keys))
        Concert.objects.filter(pk__in=keys).delete()


def with_seat_counts(schedules: QuerySet[ConcertSchedule]) -> QuerySet[ConcertSchedule]:
    """Schedules with ``seat_counts``: [available, held, reserved, blocked], None without seats."""
    counted = [Count("pk", filter=Q(status=status)) for status in Seat.Status]
    counts = Func(
        *counted, template="ARRAY[%(expressions)s]", output_field=ArrayField(IntegerField())
    )
    of_schedule = Seat.objects.filter(schedule=OuterRef("pk")).order_by().values("schedule")
    return schedules.annotate(seat_counts=Subquery(of_schedule.annotate(n=counts).values("n")))
