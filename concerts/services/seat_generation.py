"""Generate the seats of a schedule, a block at a time."""

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import F, Max

from accounts.models import User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.arrays import array
from concertbook.db.rows import Insert, write_rows
from concertbook.db.statements import fetch_all
from concerts.models import ConcertSchedule, Seat
from concerts.names import clean_name, look_alike
from concerts.services.seat_locks import lock_seat_plan
from concerts.services.seat_rows import row_index, row_letters, usual_label


@dataclass(frozen=True)
class Block:
    """Rows of equal seats: ``rows`` rows of ``seats_per_row``. ``price`` in won, ``kind`` a
    Seat.Kind."""

    section: str
    rows: int
    seats_per_row: int
    grade: str
    price: int
    kind: str = Seat.Kind.STANDARD


def generate_seats(
    *,
    schedule_id: uuid.UUID,
    blocks: Iterable[Block],
    seats_before: int | None = None,
    once: IdempotentRequest | None = None,
    actor: User | None = None,
) -> int:
    """Add blocks of seats to a schedule, numbered from the last seat on; returns how many.

    Rows are lettered A, B, ... Z, AA, ... within each section, after the section's highest letter:
    so a section may have several blocks, one for each grade. A row is skipped if another seat has
    one of its labels. ``seats_before`` is the number of seats that the operator saw. Raises
    NotFound, ScheduleCancelled, SeatsChanged, and with ``once`` AnsweredBefore and
    IdempotencyKeyReused.
    """
    blocks = [replace(block, section=clean_name(block.section)) for block in blocks]
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        schedule = lock_seat_plan(schedule_id, seats_before=seats_before)
        number = schedule.seats.aggregate(last=Max("number", default=0))["last"]
        letters = _FreeRows(schedule, {block.section for block in blocks})
        seats = []
        for block in blocks:
            for _row in range(block.rows):
                row = letters.take(block.section, block.seats_per_row)
                for place in range(1, block.seats_per_row + 1):
                    number += 1
                    seats.append(_seat(schedule, block, number, row, place))
        write_rows(Insert(seats))
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") + len(seats)
        )
        activity.record(
            actor=actor,
            act="seats.generate",
            target=schedule,
            new={"seats": len(seats), "rows": [_in_words(block) for block in blocks]},
        )
        if once is not None:
            once.save(len(seats))
        return len(seats)


def _in_words(block: Block) -> str:
    return (
        f"{block.section or '-'}: {block.rows} × {block.seats_per_row},"
        f" {block.grade}, {block.price:,}"
    )


class _FreeRows:
    """The letters of each section's next rows. The caller holds the schedule's lock."""

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
            labels = {usual_label(key, row.lower(), place) for place in range(1, seats + 1)}
            if not labels & self.labels:
                self.labels |= labels
                return row


def _keys_of(sections: set[str]) -> dict[str, str]:
    """The look_alike key of each name, computed by the database."""
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
        label=usual_label(block.section, row, place),
        grade=block.grade,
        price=block.price,
        kind=block.kind,
    )
