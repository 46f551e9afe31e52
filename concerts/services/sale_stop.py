"""Stop the sale of one performance, without cancelling it."""

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import Count, Q
from django.utils.translation import gettext, ngettext

from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.errors import SaleClosed
from concerts.models import ConcertSchedule, Seat

# A hold that has read the sale's end already may still be decided: it waits for locks, five seconds
# at most (lock_timeout), and the audit asks that each hold was before the end.
STOPS_AFTER = dt.timedelta(seconds=10)


def stop_sale(
    *, schedule_id: uuid.UUID, actor: User | None = None, reason: str = ""
) -> ConcertSchedule:
    """End the sale ten seconds from now: no more holds. Held seats can still be paid.

    It goes on when an operator sets a later end in the schedule's form. Raises NotFound,
    ScheduleCancelled, SaleNotOpen before the sale, SaleClosed after it.
    """
    with transaction.atomic():
        schedules = ConcertSchedule.objects.select_for_update(of=("self",), no_key=True)
        schedule = schedules.select_related("concert").filter(pk=schedule_id).first()
        if schedule is None:
            raise NotFound
        now = database_now()
        schedule.require_on_sale(now)
        end = now + STOPS_AFTER
        if end >= schedule.reserve_until:
            raise SaleClosed
        before, schedule.reserve_until = schedule.reserve_until, end
        schedule.save(update_fields=["reserve_until", "updated_at"])
        activity.record(
            actor=actor,
            act="schedule.stop_sale",
            target=schedule,
            old={"reserve_until": before},
            new={"reserve_until": end},
            reason=reason,
        )
    return schedule


def preview_of_stop(schedule: ConcertSchedule) -> list[str]:
    """What stopping the sale will do, in sentences."""
    seats = Seat.objects.filter(schedule=schedule).aggregate(
        free=Count("pk", filter=Q(status=Seat.Status.AVAILABLE)),
        held=Count("pk", filter=Q(status=Seat.Status.HELD)),
        sold=Count("pk", filter=Q(status=Seat.Status.RESERVED)),
    )
    sentences = (
        ngettext(
            "%(n)s seat that is free cannot be held from ten seconds on.",
            "%(n)s seats that are free cannot be held from ten seconds on.",
            seats["free"],
        )
        % {"n": f"{seats['free']:,}"},
        ngettext(
            "%(n)s seat that is held can still be paid for.",
            "%(n)s seats that are held can still be paid for.",
            seats["held"],
        )
        % {"n": f"{seats['held']:,}"},
        ngettext(
            "%(n)s ticket that is sold stays valid.",
            "%(n)s tickets that are sold stay valid.",
            seats["sold"],
        )
        % {"n": f"{seats['sold']:,}"},
    )
    again = gettext("To sell again, set a later end of the sale in the date's form.")
    return [*sentences, again]
