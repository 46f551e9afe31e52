"""Performances with the seats that are left, by section, grade and price.

The seats are counted in the snapshot that the seat map shares (seat_states), so that a request does
not count a hall of 20,000 seats in PostgreSQL.
"""

import uuid
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress
from typing import Any

from concertbook.db.clock import database_now
from concertbook.errors import NotFound
from concerts.models import Concert, ConcertSchedule, ConcertScheduleQuerySet
from concerts.services.offers import Sale, with_sales
from concerts.services.programme import require_published
from concerts.services.seat_plans import plan_index
from concerts.services.seat_snapshots import FREE, NOT_FOR_SALE, STATES
from concerts.services.seat_states import recent_snapshot

IS_FREE = bytes(state == FREE for state in STATES).ljust(256, b"\0")
IS_FOR_SALE = bytes(state != NOT_FOR_SALE for state in STATES).ljust(256, b"\0")
MOST_PLANS = 64


@dataclass(frozen=True)
class Availability:
    """Seats of one section, grade and price (won); ``available`` is 0 for a cancelled schedule."""

    section: str
    grade: str
    price: int
    seats: int
    available: int


def find_performances(concert: Concert) -> ConcertScheduleQuerySet:
    """The concert's schedules with their sale (with_sales), without their seats (add_seats)."""
    return with_sales(concert.schedules.all(), database_now())


def get_performance(schedule_id: uuid.UUID) -> ConcertSchedule:
    """The schedule with its sale (with_sales) and seats (add_seats). Raises NotFound, also for a
    draft's."""
    found = with_sales(ConcertSchedule.objects.published(), database_now())
    schedule = found.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return add_seats([schedule])[0]


def add_seats(schedules: Iterable[ConcertSchedule]) -> list[ConcertSchedule]:
    """Set what is left of each schedule.

    ``seats_available``; ``grades`` (Availability without sections, the dearest first); ``lowest``
    and ``highest`` price of the free seats, of all when none is free, None without seats.
    """
    schedules = list(schedules)
    for schedule in schedules:
        found = availability(schedule.pk)
        offered = [each for each in found if each.available] or found
        prices = [each.price for each in offered]
        schedule.seats_available = sum(each.available for each in found)  # type: ignore[attr-defined]
        schedule.grades = _by_grade(found)  # type: ignore[attr-defined]
        schedule.lowest = min(prices, default=None)  # type: ignore[attr-defined]
        schedule.highest = max(prices, default=None)  # type: ignore[attr-defined]
    return schedules


def choose(schedules: Sequence[Any], schedule_id: str) -> Any:
    """The schedule with this id, else the first of those of which most can be bought; None without
    any. ``schedules`` have their sale (with_sales) and are ordered by their start."""
    for schedule in schedules:
        if str(schedule.pk) == schedule_id.lower():
            return schedule
    return min(schedules, key=lambda schedule: Sale.values.index(schedule.sale), default=None)


def get_availability(schedule_id: uuid.UUID) -> list[Availability]:
    """As availability. Raises NotFound, also for a draft's schedule."""
    require_published(schedule_id)
    return availability(schedule_id)


def availability(schedule_id: uuid.UUID) -> list[Availability]:
    """By section, grade and price, in the order of the seats' numbers. Raises NotFound."""
    snapshot = recent_snapshot(schedule_id)
    groups, group_of = _groups(schedule_id, snapshot.plan)
    seats = Counter(compress(group_of, snapshot.states.translate(IS_FOR_SALE)))
    free = Counter(compress(group_of, snapshot.states.translate(IS_FREE)))
    if snapshot.facts.is_cancelled:
        free.clear()
    return [
        Availability(*group, seats=seats[index], available=free[index])
        for index, group in enumerate(groups)
    ]


def _by_grade(found: Iterable[Availability]) -> list[Availability]:
    seats: Counter[tuple[str, int]] = Counter()
    free: Counter[tuple[str, int]] = Counter()
    for each in found:
        seats[each.grade, each.price] += each.seats
        free[each.grade, each.price] += each.available
    return [
        Availability("", grade, price, seats[grade, price], free[grade, price])
        for grade, price in sorted(seats, key=lambda offer: (-offer[1], offer[0]))
    ]


@lru_cache(maxsize=MOST_PLANS)
def _groups(
    schedule_id: uuid.UUID, version: str
) -> tuple[Sequence[tuple[str, str, int]], Sequence[int]]:
    """The sections with a grade and price of this plan, and the index of each seat's group."""
    numbers: dict[tuple[str, str, int], int] = {}
    offers = (
        (seat.section, seat.grade, seat.price) for seat in plan_index(schedule_id, version).seats
    )
    group_of = [numbers.setdefault(offer, len(numbers)) for offer in offers]
    return list(numbers), group_of
