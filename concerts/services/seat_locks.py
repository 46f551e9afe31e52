"""Locks on seats, and on the schedule whose seats are added, removed or renamed."""

import uuid
from collections.abc import Iterable

from django.db.models import QuerySet

from concertbook.db.prepared import AnyOf, Is, Prepared, PreparedLock
from concertbook.errors import NotFound
from concerts.errors import SeatsChanged
from concerts.models import ConcertSchedule, Seat

# The range of the column.
HIGHEST_NUMBER = 2**31 - 1


def lock_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int], wait: bool) -> dict[int, Seat]:
    """The schedule's seats of these numbers, by number, locked in key order.

    Inside a transaction only, after the queue token and before reservations and balance: every
    writer keeps that order, so that no deadlock occurs. Without ``wait`` only seats that are
    available and not locked: a taken seat can be refused without its lock.
    """
    wanted = [number for number in numbers if 0 < number <= HIGHEST_NUMBER]
    seats = LOCKED_SEATS.fetch(wait=wait, schedule=schedule_id, numbers=wanted)
    return {seat.number: seat for seat in seats}


def read_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> dict[int, Seat]:
    """The schedule's seats of these numbers, read without locks."""
    wanted = [number for number in numbers if 0 < number <= HIGHEST_NUMBER]
    seats = SEATS.fetch(schedule=schedule_id, numbers=wanted)
    return {seat.number: seat for seat in seats}


def _seats() -> QuerySet[Seat]:
    return Seat.objects.filter(AnyOf("number", "numbers"), Is("schedule", "schedule")).order_by()


def _locked_seats(wait: bool) -> QuerySet[Seat]:
    seats = _seats() if wait else _seats().filter(status=Seat.Status.AVAILABLE)
    return seats.select_for_update(no_key=True, skip_locked=not wait).order_by("pk")


SEATS = Prepared(_seats)
LOCKED_SEATS = PreparedLock(_locked_seats)


def lock_schedule(schedule_id: uuid.UUID) -> ConcertSchedule:
    """Serializes the transactions that add, remove or rename seats of a schedule.

    Inside a transaction only. Raises NotFound.
    """
    schedules = ConcertSchedule.objects.select_for_update(no_key=True)
    schedule = schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule


def lock_seat_plan(schedule_id: uuid.UUID, *, seats_before: int | None) -> ConcertSchedule:
    """lock_schedule, to add or remove seats.

    ``seats_before`` is the number of seats that the operator saw, None without an operator. Inside
    a transaction only. Raises NotFound, ScheduleCancelled, SeatsChanged.
    """
    schedule = lock_schedule(schedule_id)
    schedule.require_not_cancelled()
    if seats_before not in (None, schedule.seat_quantity):
        raise SeatsChanged
    return schedule


def lock_schedule_of(seat_id: uuid.UUID) -> None:
    """Lock a seat's schedule, before the seat itself, as every change of seats or names does."""
    ConcertSchedule.objects.select_for_update(no_key=True, of=("self",)).filter(
        seats=seat_id
    ).first()
