"""The seats themselves: lock them, make them, change them."""

import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import Count, F, Max, Min, Q, QuerySet, Value
from django.db.models.lookups import Exact

from accounts.services.idempotency import IdempotentRequest
from concertbook.db.arrays import array
from concertbook.db.prepared import AnyOf, Param, Prepared, PreparedLock
from concertbook.db.statements import execute, fetch_all
from concertbook.errors import Malformed, NotFound
from concerts.errors import SeatLabelTaken, SeatPlaceTaken, SeatsChanged, SeatTaken
from concerts.models import (
    CURRENT_TRANSACTION,
    ConcertSchedule,
    Seat,
)
from concerts.names import clean_name, look_alike

# What the column holds.
HIGHEST_NUMBER = 2**31 - 1


def lock_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int], wait: bool) -> dict[int, Seat]:
    """The schedule's seats of these numbers, by number, locked in key order.

    Inside a transaction only, after the queue token and before reservations and balance: every
    writer keeps that order, so that none waits in a circle. Without ``wait`` only seats that are
    available and not locked: what is taken already need not be locked to be refused.
    """
    wanted = [number for number in numbers if 0 < number <= HIGHEST_NUMBER]
    seats = LOCKED_SEATS.fetch(wait=wait, schedule=schedule_id, numbers=wanted)
    return {seat.number: seat for seat in seats}


def read_seats(*, schedule_id: uuid.UUID, numbers: Iterable[int]) -> dict[int, Seat]:
    """The schedule's seats of these numbers as they are now, whether they are locked or not."""
    wanted = [number for number in numbers if 0 < number <= HIGHEST_NUMBER]
    seats = SEATS.fetch(schedule=schedule_id, numbers=wanted)
    return {seat.number: seat for seat in seats}


def _seats() -> QuerySet[Seat]:
    return Seat.objects.filter(AnyOf("number", "numbers"), schedule=Param("schedule")).order_by()


def _locked_seats(wait: bool) -> QuerySet[Seat]:
    seats = _seats() if wait else _seats().filter(status=Seat.Status.AVAILABLE)
    return seats.select_for_update(no_key=True, skip_locked=not wait).order_by("pk")


SEATS = Prepared(_seats)
LOCKED_SEATS = PreparedLock(_locked_seats)


@dataclass(frozen=True)
class Block:
    """Rows of seats alike: ``rows`` rows of ``seats_per_row``. ``price`` in won."""

    section: str
    rows: int
    seats_per_row: int
    grade: str
    price: int


def generate_seats(
    *,
    schedule_id: uuid.UUID,
    blocks: Iterable[Block],
    seats_before: int | None = None,
    once: IdempotentRequest | None = None,
) -> int:
    """Add blocks of seats to a schedule, numbered on from the last seat; returns how many.

    Rows are lettered A, B, ... Z, AA, ... within each section, on from the highest letter that a
    row of the section has: so a section may have several blocks, for its grades. A row of which
    any label exists already, as another seat was given it, is left out. ``seats_before`` is how
    many seats the operator was shown. Raises NotFound, ScheduleCancelled, SeatsChanged, and with
    ``once`` AnsweredBefore and IdempotencyKeyReused.
    """
    blocks = [replace(block, section=clean_name(block.section)) for block in blocks]
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        schedule = _lock_schedule(schedule_id)
        schedule.require_not_cancelled()
        if seats_before not in (None, schedule.seat_quantity):
            raise SeatsChanged
        number = schedule.seats.aggregate(last=Max("number", default=0))["last"]
        letters = _FreeRows(schedule, {block.section for block in blocks})
        seats = []
        for block in blocks:
            for _row in range(block.rows):
                row = letters.take(block.section, block.seats_per_row)
                for place in range(1, block.seats_per_row + 1):
                    number += 1
                    seats.append(_seat(schedule, block, number, row, place))
        Seat.objects.bulk_create(seats, batch_size=2000)
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") + len(seats)
        )
        if once is not None:
            once.save(len(seats))
        return len(seats)


def _lock_schedule(schedule_id: uuid.UUID) -> ConcertSchedule:
    """Whoever makes or names seats of a schedule does so one after the other. Raises NotFound."""
    schedules = ConcertSchedule.objects.select_for_update(no_key=True)
    schedule = schedules.filter(pk=schedule_id).first()
    if schedule is None:
        raise NotFound
    return schedule


class _FreeRows:
    """Which letters each section's next rows get. The caller holds the schedule's lock."""

    def __init__(self, schedule: ConcertSchedule, sections: set[str]) -> None:
        self.keys = _keys_of(sections)
        seats = schedule.seats.order_by()
        self.labels = set(seats.values_list(look_alike("label"), flat=True))
        self.next: dict[str, int] = dict.fromkeys(self.keys.values(), 0)
        for key, row in seats.values_list(look_alike("section"), "row").distinct():
            self.next[key] = max(self.next.get(key, 0), row_index(row) + 1)

    def take(self, section: str, seats: int) -> str:
        key = self.keys[section]
        while True:
            row = row_letters(self.next[key])
            self.next[key] += 1
            labels = {_label(key, row.lower(), place) for place in range(1, seats + 1)}
            if not labels & self.labels:
                self.labels |= labels
                return row


def _keys_of(sections: set[str]) -> dict[str, str]:
    """What look_alike makes of each; as it says, by the database."""
    found = fetch_all(
        "SELECT name, lower(normalize(name, NFKC)) FROM unnest(%s::text[]) AS name",
        [array(sections)],
    )
    return dict(found)


def _seat(schedule: ConcertSchedule, block: Block, number: int, row: str, place: int) -> Seat:
    return Seat(
        schedule=schedule,
        number=number,
        section=block.section,
        row=row,
        seat_in_row=place,
        label=_label(block.section, row, place),
        grade=block.grade,
        price=block.price,
    )


def _label(section: str, row: str, place: int) -> str:
    return f"{section} {row}-{place}".strip()


def row_index(row: str) -> int:
    """0 for A, 25 for Z, 26 for AA; -1 for what the generator never makes of a row."""
    if not re.fullmatch("[A-Za-z]{1,3}", row):
        return -1
    index = 0
    for letter in row.upper():
        index = index * 26 + ord(letter) - ord("A") + 1
    return index - 1


def row_letters(index: int) -> str:
    """A for 0, Z for 25, AA for 26."""
    letters = ""
    index += 1
    while index:
        index, letter = divmod(index - 1, 26)
        letters = chr(ord("A") + letter) + letters
    return letters


@dataclass(frozen=True)
class Row:
    """One row of seats: how many, how many of them a buyer ever had, and the cheapest price."""

    section: str
    row: str
    seats: int
    had: int
    price: int


def rows_of(schedule: ConcertSchedule) -> list[Row]:
    """The schedule's rows, in the order of their numbers."""
    rows = schedule.seats.order_by().values("section", "row")
    rows = rows.annotate(
        first=Min("number"),
        seats=Count("pk"),
        had=Count("pk", filter=Q(version__gt=0)),
        price=Min("price"),
    )
    return [
        Row(row["section"], row["row"], row["seats"], row["had"], row["price"])
        for row in rows.order_by("first")
    ]


def remove_rows(
    *,
    schedule_id: uuid.UUID,
    rows: Iterable[tuple[str, str]],
    seats_before: int | None = None,
    once: IdempotentRequest | None = None,
) -> int:
    """Delete all seats of these (section, row) that nobody ever had; returns how many.

    ``seats_before`` is how many seats the operator was shown. Raises NotFound, SeatTaken if any
    of them was ever held, and as generate_seats does.
    """
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        schedule = _lock_schedule(schedule_id)
        schedule.require_not_cancelled()
        if seats_before not in (None, schedule.seat_quantity):
            raise SeatsChanged
        chosen = Q(pk__in=[])
        for section, row in rows:
            chosen |= Q(section=section, row=row)
        removed = delete_unheld(schedule.seats.filter(chosen))
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") - removed
        )
        if once is not None:
            once.save(removed)
        return removed


def delete_unheld(seats: QuerySet[Seat]) -> int:
    """Delete seats inside the caller's transaction; returns how many.

    Neither reads the rows nor lists what is below them: a hall has thousands, and a seat that was
    never held has nothing. Raises SeatTaken if any was ever held.
    """
    locked = seats.select_for_update(of=("self",)).order_by("pk").values_list("pk", "version")
    found = list(locked.iterator(chunk_size=2000))
    if any(version for _pk, version in found):
        raise SeatTaken
    pks = array(pk for pk, _version in found)
    return execute("DELETE FROM concerts_seat WHERE id = ANY(%s::uuid[])", [pks])


@dataclass(frozen=True)
class SeatDetails:
    """What an operator may say of a seat. ``price`` in won."""

    label: str
    section: str
    grade: str
    price: int


def lock_schedule_of(seat_id: uuid.UUID) -> None:
    """Lock a seat's schedule, before the seat itself, as all who make or name seats do."""
    ConcertSchedule.objects.select_for_update(no_key=True, of=("self",)).filter(
        seats=seat_id
    ).first()


def edit_seat(*, seat_id: uuid.UUID, details: SeatDetails) -> Seat:
    """Change a seat that nobody has.

    A label that ends as the generator writes it, in the row's letters, a hyphen and a number, sets
    the seat's number in its row: the label and the seat map agree.

    Raises NotFound; SeatTaken once it is held or reserved; ScheduleCancelled, as the tickets that
    are refunded go on saying which seat they were for; SeatLabelTaken and SeatPlaceTaken where
    another seat of the schedule is called the same; Malformed for a label of nothing.
    """
    with transaction.atomic():
        # The schedule first, as the generator does: it must see every label.
        of_seat = Seat.objects.filter(pk=seat_id).values_list("schedule_id", flat=True).first()
        if of_seat is None:
            raise NotFound
        schedule = _lock_schedule(of_seat)
        seat = Seat.objects.select_for_update(no_key=True).filter(pk=seat_id).first()
        if seat is None:
            raise NotFound
        schedule.require_not_cancelled()
        if seat.status != Seat.Status.AVAILABLE:
            raise SeatTaken(seat=seat.number)
        rename(seat, label=details.label, section=details.section)
        require_own_name(seat)
        seat.grade = details.grade
        seat.price = details.price
        seat.edit_xid = CURRENT_TRANSACTION
        seat.save(update_fields=["label", "section", "seat_in_row", "grade", "price", "edit_xid"])
    return seat


def rename(seat: Seat, *, label: str, section: str) -> None:
    """Give the seat these words, cleaned, and the number that the label says. Not saved.

    Raises Malformed for a label of nothing.
    """
    seat.label = clean_name(label)
    seat.section = clean_name(section)
    if not seat.label:
        raise Malformed
    said = re.search(rf"(?<!\w){re.escape(seat.row)}-([1-9]\d{{0,3}})$", seat.label)
    if said and seat.row:
        seat.seat_in_row = int(said[1])


def require_own_name(seat: Seat) -> None:
    """Raises SeatLabelTaken or SeatPlaceTaken while another seat of the schedule looks the same.

    It lasts as long as the schedule's lock, if the caller holds that; else it is a forecast.
    """
    others = Seat.objects.filter(schedule=seat.schedule_id).exclude(pk=seat.pk)
    if others.filter(_looks_like("label", seat.label)).exists():
        raise SeatLabelTaken(label=seat.label)
    in_row = others.filter(_looks_like("section", seat.section), _looks_like("row", seat.row))
    if in_row.filter(seat_in_row=seat.seat_in_row).exists():
        raise SeatPlaceTaken(section=seat.section, row=seat.row, seat_in_row=seat.seat_in_row)


def _looks_like(column: str, name: str) -> Exact:
    return Exact(look_alike(column), look_alike(Value(name)))
