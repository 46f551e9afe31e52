"""One act on many seats: done to those that it can be done to; the others are named with why not.

Each seat stands for itself, so that an act on a whole section does not fail for one seat that was
sold a moment ago. A preview sorts seats that were read, the act those that it has locked, both by
the same rule.
"""

import uuid
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from concerts.models import ConcertSchedule, Seat
from concerts.services.seat_locks import lock_seat_plan, lock_seats

WhyNot = Callable[[Seat], str | Promise]
# Why most acts cannot be done to a seat of this status.
IS = {
    Seat.Status.AVAILABLE: _("free"),
    Seat.Status.HELD: _("held by a buyer"),
    Seat.Status.RESERVED: _("sold"),
    Seat.Status.BLOCKED: _("blocked"),
}


@dataclass(frozen=True)
class Batch:
    """``seats`` that the act can be done to, or was; ``others`` by why it cannot."""

    seats: Sequence[Seat]
    others: Sequence[tuple[str | Promise, Sequence[Seat]]]

    @property
    def labels(self) -> list[str]:
        return [seat.label for seat in self.seats]

    @property
    def rows(self) -> QuerySet[Seat]:
        return Seat.objects.filter(pk__in=[seat.pk for seat in self.seats])


def lock_batch(
    schedule_id: uuid.UUID, numbers: Collection[int], why_not: WhyNot
) -> tuple[ConcertSchedule, Batch]:
    """The schedule and its seats of these numbers, locked in this order, sorted out.

    Inside a transaction only. Raises NotFound, ScheduleCancelled.
    """
    schedule = lock_seat_plan(schedule_id, seats_before=None)
    seats = lock_seats(schedule_id=schedule_id, numbers=numbers, wait=True)
    return schedule, sort_out(seats.values(), why_not)


def sort_out(seats: Iterable[Seat], why_not: WhyNot) -> Batch:
    """``why_not`` gives the reason against a seat, empty for none."""
    able: list[Seat] = []
    others: dict[str | Promise, list[Seat]] = {}
    for seat in sorted(seats, key=lambda seat: seat.number):
        reason = why_not(seat)
        (others.setdefault(reason, []) if reason else able).append(seat)
    return Batch(able, list(others.items()))


def unless_status(*statuses: str) -> WhyNot:
    """The rule of an act on seats of these statuses only."""
    return lambda seat: "" if seat.status in statuses else IS[Seat.Status(seat.status)]
