"""The dates of a show: by a rule, and as copies of another date with its seats."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, OuterRef, QuerySet, Subquery, TextChoices
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.arrays import array
from concertbook.db.clock import StatementTime, database_now
from concertbook.db.statements import execute
from concerts.models import Concert, ConcertSchedule
from concerts.services.seat_locks import lock_seat_plan

MOST_DATES = 60
MOST_SEATS = 200_000


class Every(TextChoices):
    """How a date is repeated."""

    DAY = "day", _("every day")
    WEEK = "week", _("every week")


STEP = {Every.DAY: dt.timedelta(days=1), Every.WEEK: dt.timedelta(weeks=1)}


def repeat(first: dt.datetime, every: Every, times: int) -> list[dt.datetime]:
    """So many starts, at the same time of the day: Korea's clocks are never put forward."""
    return [first + number * STEP[every] for number in range(times)]


def require_dates(starts: Sequence[dt.datetime], *, seats: int, now: dt.datetime) -> None:
    """Raises ValidationError for starts that are none, too many, twice the same, or over; and for
    too many seats in all, where each date has so many."""
    if not starts:
        raise ValidationError(_("Please give at least one date."))
    if len(starts) > MOST_DATES or len(starts) * seats > MOST_SEATS:
        limits = {"dates": MOST_DATES, "seats": f"{MOST_SEATS:,}"}
        raise ValidationError(
            _("At most %(dates)s dates and %(seats)s seats at once."), params=limits
        )
    if len(set(starts)) < len(starts):
        raise ValidationError(_("Two of the dates are the same."))
    if min(starts) <= now:
        raise ValidationError(_("A date must be in the future."))


def copy_date(
    *,
    schedule_id: uuid.UUID,
    starts: Sequence[dt.datetime],
    actor: User,
    once: IdempotentRequest | None = None,
) -> list[ConcertSchedule]:
    """Add dates to a concert, each with the rules and seats of this one, all for sale.

    Their sales open with the sale of this one, and close as long before the start. Raises NotFound,
    ScheduleCancelled, ValidationError (also for a start that the concert has already), and with
    ``once`` AnsweredBefore and IdempotencyKeyReused.
    """
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        model = lock_seat_plan(schedule_id, seats_before=None)
        require_dates(starts, seats=model.seat_quantity, now=database_now())
        if ConcertSchedule.objects.filter(concert=model.concert_id, start_at__in=starts).exists():
            raise ValidationError(_("The concert has one of these dates already."))
        copies = [_copy_of(model, start) for start in starts]
        for schedule in copies:
            _require_sale_before(schedule)
        ConcertSchedule.objects.bulk_create(copies)
        copy_seats(model, copies)
        cover_dates(model.concert_id)
        for schedule in copies:
            new = {"start_at": schedule.start_at, "seats": model.seat_quantity}
            activity.record(actor=actor, act="schedule.copy", target=schedule, new=new)
        if once is not None:
            once.save(len(copies))
    return copies


def _copy_of(model: ConcertSchedule, start_at: dt.datetime) -> ConcertSchedule:
    return ConcertSchedule(
        concert_id=model.concert_id,
        price=model.price,
        purchase_limit=model.purchase_limit,
        cooldown_seconds=model.cooldown_seconds,
        reserve_from=model.reserve_from,
        reserve_until=model.reserve_until + (start_at - model.start_at),
        start_at=start_at,
        end_at=model.end_at + (start_at - model.start_at),
        doors_open_minutes=model.doors_open_minutes,
        may_hand_on=model.may_hand_on,
        hand_on_minutes=model.hand_on_minutes,
    )


def _require_sale_before(schedule: ConcertSchedule) -> None:
    if schedule.reserve_until <= schedule.reserve_from:
        raise ValidationError(_("The sale must open before it closes at the start of each date."))


def copy_seats(model: ConcertSchedule, schedules: Iterable[ConcertSchedule]) -> None:
    """Give dates without seats the seats of ``model``, all for sale.

    The caller holds the lock of ``model`` (lock_seat_plan).
    """
    keys = [schedule.pk for schedule in schedules]
    execute(
        """
        INSERT INTO concerts_seat (id, schedule_id, number, section, "row", seat_in_row, label,
            grade, price, kind, status, version)
        SELECT gen_random_uuid(), schedule, number, section, "row", seat_in_row, label,
            grade, price, kind, 'AVAILABLE', 0
        FROM concerts_seat CROSS JOIN unnest(%s::uuid[]) AS schedule
        WHERE schedule_id = %s
        """,
        [array(keys), model.pk],
    )
    ConcertSchedule.objects.filter(pk__in=keys).update(seat_quantity=model.seat_quantity)


def cover_dates(concert_id: uuid.UUID) -> None:
    """Let the concert's run be from its first date that is not cancelled to the last one's end."""
    dates = ConcertSchedule.objects.filter(concert=OuterRef("pk"), cancelled_at=None)
    Concert.objects.filter(pk=concert_id).update(
        start_time=_first_of(dates.order_by("start_at").values("start_at"), "start_time"),
        end_time=_first_of(dates.order_by("-end_at").values("end_at"), "end_time"),
        updated_at=StatementTime(),
    )


def _first_of(values: QuerySet[Any], otherwise: str) -> Coalesce:
    return Coalesce(Subquery(values[:1]), F(otherwise))
