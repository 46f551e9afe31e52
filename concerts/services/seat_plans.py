"""Seat plans: one immutable document for each version of a schedule's seats.

1. A change of seats leaves the schedule without a present plan (concerts_seat_outdates_plan.sql).
2. The first reader after it builds the plan under the schedule's lock; others wait and find it.
3. A version that was built is kept with its schedule.
"""

import gzip
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import brotli
from django.db import transaction

from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, ConcertScheduleQuerySet, SeatPlan
from concerts.services.nearest_seats import Spot
from concerts.services.programme import require_published
from concerts.services.seat_locks import lock_schedule
from concerts.services.seat_plan_document import PlannedSeat, compose, seats_of, to_bytes

# Above it a plan whose labels follow no rule takes a second, for a tenth less.
BROTLI_QUALITY = 9
# A plan of 20,000 seats takes about 8 MB as an index, and less than 150 kB as a document.
MOST_INDICES = 16
MOST_DOCUMENTS = 128


@dataclass(frozen=True)
class SavedPlan:
    """A version's document as it is sent, compressed."""

    version: str
    br: bytes
    gzip: bytes

    @property
    def plain(self) -> bytes:
        return gzip.decompress(self.gzip)


@dataclass(frozen=True)
class PlanIndex:
    """A version's seats in their fixed order, by number; ``index`` is the place in it."""

    version: str
    seats: tuple[PlannedSeat, ...]
    numbers: tuple[int, ...]
    index: Mapping[int, int]
    spots: tuple[Spot, ...]


def public_version(schedule_id: uuid.UUID) -> str:
    """As present_version. Raises NotFound, also for a draft's schedule."""
    return _version_in(ConcertSchedule.objects.published(), schedule_id)


def present_version(schedule_id: uuid.UUID) -> str:
    """The version of the schedule's present plan, which is built if there is none.

    One query, unless it is built. Inside a transaction that edits seats, the plan shows them as
    edited. Raises NotFound.
    """
    return _version_in(ConcertSchedule.objects.all(), schedule_id)


def _version_in(schedules: ConcertScheduleQuerySet, schedule_id: uuid.UUID) -> str:
    version = schedules.filter(pk=schedule_id).values_list("seat_plan", flat=True).first()
    if version is None:
        raise NotFound
    return version or _build(schedule_id)


def _build(schedule_id: uuid.UUID) -> str:
    with transaction.atomic():
        schedule = lock_schedule(schedule_id)
        # Another reader may have built it while this one waited for the lock.
        if not schedule.seat_plan:
            schedule.seat_plan = _save_plan(schedule)
            schedule.save(update_fields=["seat_plan"])
    return schedule.seat_plan


def _save_plan(schedule: ConcertSchedule) -> str:
    seats = schedule.seats.order_by("number").values_list(*PlannedSeat._fields)
    document = compose(str(schedule.pk), list(map(PlannedSeat._make, seats)))
    version: str = document["version"]
    # Seats that were edited and edited back have their former version.
    if not schedule.seat_plans.filter(version=version).exists():
        plain = to_bytes(document)
        SeatPlan.objects.create(
            schedule=schedule,
            version=version,
            br=brotli.compress(plain, mode=brotli.MODE_TEXT, quality=BROTLI_QUALITY),
            gzip=gzip.compress(plain, mtime=0),
        )
    return version


@lru_cache(maxsize=MOST_DOCUMENTS)
def public_plan(schedule_id: uuid.UUID, version: str) -> SavedPlan:
    """As saved_plan. Raises NotFound, also for a draft's schedule.

    Cached too: no refusal is, and what is public stays so.
    """
    require_published(schedule_id)
    return saved_plan(schedule_id, version)


@lru_cache(maxsize=MOST_DOCUMENTS)
def saved_plan(schedule_id: uuid.UUID, version: str) -> SavedPlan:
    """This version, built at any time. Cached in the process. Raises NotFound."""
    plans = SeatPlan.objects.filter(schedule=schedule_id, version=version)
    found = plans.values_list("br", "gzip").first()
    if found is None:
        raise NotFound
    return SavedPlan(version, *map(bytes, found))


@lru_cache(maxsize=MOST_INDICES)
def plan_index(schedule_id: uuid.UUID, version: str) -> PlanIndex:
    """This version's seats, read from its document. Cached in the process. Raises NotFound."""
    document = json.loads(saved_plan(schedule_id, version).plain)
    seats = tuple(seats_of(document))
    numbers = tuple(seat.number for seat in seats)
    return PlanIndex(
        version=version,
        seats=seats,
        numbers=numbers,
        index={number: index for index, number in enumerate(numbers)},
        spots=tuple(
            Spot(seat.number, seat.section, seat.row, seat.seat_in_row, seat.grade, seat.kind)
            for seat in seats
        ),
    )
