"""The seats themselves: lock them, make them, change them."""

import uuid
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Count, F, Max, QuerySet

from concertbook.errors import NotFound
from concertbook.prepared import OneOf, Prepared, Slot
from concerts.errors import SeatNotFound, SeatTaken
from concerts.models import (
    CURRENT_TRANSACTION,
    ConcertSchedule,
    Seat,
)

# What the column holds.
HIGHEST_NUMBER = 2**31 - 1


def lock_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> list[Seat]:
    """The schedule's seats of these distinct numbers, locked in key order.

    Inside a transaction only, after the queue token and before reservations and balance: every
    writer keeps that order, so that none waits in a circle. Raises SeatNotFound.
    """
    wanted = set(numbers)
    if not all(0 < number <= HIGHEST_NUMBER for number in wanted):
        raise SeatNotFound
    seats = LOCKED_SEATS.fetch(schedule=schedule_id, numbers=list(wanted))
    if len(seats) != len(wanted):
        missing = wanted - {seat.number for seat in seats}
        raise SeatNotFound(seats=sorted(missing))
    return seats


def lock_free_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> dict[int, Seat]:
    """The schedule's seats of these numbers, by number, locked and waiting for nobody.

    As lock_seats, but what there is no such seat of, or somebody else has locked, is missing.
    """
    seats = FREE_SEATS.fetch(schedule=schedule_id, numbers=list(numbers))
    return {seat.number: seat for seat in seats}


def _wanted_seats(seats: QuerySet[Seat]) -> QuerySet[Seat]:
    return seats.filter(OneOf("number", "numbers"), schedule=Slot("schedule")).order_by("pk")


LOCKED_SEATS = Prepared(lambda: _wanted_seats(Seat.objects.select_for_update(no_key=True)))
FREE_SEATS = Prepared(
    lambda: _wanted_seats(Seat.objects.select_for_update(no_key=True, skip_locked=True))
)


@dataclass(frozen=True)
class Block:
    """Rows of seats alike: ``rows`` rows of ``seats_per_row``. ``price`` in won."""

    section: str
    rows: int
    seats_per_row: int
    grade: str
    price: int


def generate_seats(*, schedule_id: uuid.UUID, blocks: Iterable[Block]) -> int:
    """Add blocks of seats to a schedule, numbered on from the last seat; returns how many.

    Rows are lettered A, B, ... Z, AA, ... within each section, on from its last row: so a section
    may have several blocks, for its grades. Raises NotFound, ScheduleCancelled.
    """
    with transaction.atomic():
        schedules = ConcertSchedule.objects.select_for_update(no_key=True)
        schedule = schedules.filter(pk=schedule_id).first()
        if schedule is None:
            raise NotFound
        schedule.require_not_cancelled()
        number = schedule.seats.aggregate(last=Max("number", default=0))["last"]
        rows = _rows_by_section(schedule)
        seats = []
        for block in blocks:
            for _row in range(block.rows):
                row = row_letters(rows[block.section])
                rows[block.section] += 1
                for place in range(1, block.seats_per_row + 1):
                    number += 1
                    seats.append(_seat(schedule, block, number, row, place))
        Seat.objects.bulk_create(seats, batch_size=2000)
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") + len(seats)
        )
        return len(seats)


def _rows_by_section(schedule: ConcertSchedule) -> Counter[str]:
    rows = schedule.seats.order_by().values_list("section").annotate(Count("row", distinct=True))
    return Counter(dict(rows))


def _seat(schedule: ConcertSchedule, block: Block, number: int, row: str, place: int) -> Seat:
    return Seat(
        schedule=schedule,
        number=number,
        section=block.section,
        row=row,
        label=f"{block.section} {row}-{place}".strip(),
        grade=block.grade,
        price=block.price,
    )


def row_letters(index: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


@dataclass(frozen=True)
class SeatDetails:
    """What an operator may say of a seat. ``price`` in won."""

    label: str
    section: str
    grade: str
    price: int


def edit_seat(*, seat_id: uuid.UUID, details: SeatDetails) -> Seat:
    """Change a seat that nobody has.

    Raises NotFound; SeatTaken once it is held or reserved; ScheduleCancelled, as the tickets that
    are refunded go on saying which seat they were for.
    """
    with transaction.atomic():
        locked = Seat.objects.select_for_update(of=("self",), no_key=True)
        seat = locked.select_related("schedule").filter(pk=seat_id).first()
        if seat is None:
            raise NotFound
        seat.schedule.require_not_cancelled()
        if seat.status != Seat.Status.AVAILABLE:
            raise SeatTaken(seat=seat.number)
        seat.label = details.label
        seat.section = details.section
        seat.grade = details.grade
        seat.price = details.price
        seat.edit_xid = CURRENT_TRANSACTION
        seat.save(update_fields=["label", "section", "grade", "price", "edit_xid"])
    return seat
