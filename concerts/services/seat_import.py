"""Make the seats of a date as a table says (seat_table): first what would change, then the change.

A seat is known by its place. What the table does not have is removed, unless it has a history. What
a buyer holds or has is not changed.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import CharField, F, Max, Value
from django.db.models.functions import Cast, Concat

from accounts.models import User
from accounts.services import activity
from concertbook.db.refusals import refused_by
from concertbook.db.rows import Insert, write_rows
from concerts.errors import SeatLabelTaken, SeatPlaceTaken, SeatsChanged, SeatTaken
from concerts.models import CURRENT_TRANSACTION, ConcertSchedule, Seat
from concerts.services.seat_locks import lock_seat_plan, lock_seats
from concerts.services.seat_plans import present_version
from concerts.services.seat_removal import delete_unheld
from concerts.services.seat_table import TableRow

VALUES = ("label", "grade", "price", "kind")
REFUSALS = {
    "concerts_seat_label_unique_in_schedule": SeatLabelTaken,
    "concerts_seat_place_unique_in_schedule": SeatPlaceTaken,
}


@dataclass(frozen=True)
class Changed:
    """``values`` are the new ones, by name."""

    seat: Seat
    values: dict[str, Any]

    @property
    def sentence(self) -> str:
        return ", ".join(
            f"{name} {getattr(self.seat, name)} → {value}" for name, value in self.values.items()
        )


@dataclass(frozen=True)
class Difference:
    """What the import does: ``added`` rows, ``changed`` and ``removed`` seats; ``kept`` seats are
    not in the table and have a history, ``taken`` ones would change and are a buyer's."""

    added: Sequence[TableRow]
    changed: Sequence[Changed]
    removed: Sequence[Seat]
    kept: Sequence[Seat]
    taken: Sequence[Changed]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.changed or self.removed)


def difference(schedule: ConcertSchedule, rows: Iterable[TableRow]) -> Difference:
    """Two queries at most."""
    missing = {(seat.section, seat.row, seat.seat_in_row): seat for seat in schedule.seats.all()}
    added: list[TableRow] = []
    changed: list[Changed] = []
    taken: list[Changed] = []
    for row in rows:
        seat = missing.pop(row.name, None)
        if seat is None:
            added.append(row)
            continue
        new = {name: getattr(row, name) for name in VALUES}
        new = {name: value for name, value in new.items() if getattr(seat, name) != value}
        if new:
            (changed if seat.is_untaken else taken).append(Changed(seat, new))
    removed = [seat for seat in missing.values() if not seat.version]
    kept = [seat for seat in missing.values() if seat.version]
    return Difference(added, changed, removed, kept, taken)


def import_seats(
    *,
    actor: User,
    schedule_id: uuid.UUID,
    rows: Sequence[TableRow],
    version: str,
    reason: str,
) -> Difference:
    """Make the difference, all or nothing, and log it. ``version`` is the seat plan's that the
    operator saw.

    Raises NotFound, ScheduleCancelled, SeatsChanged; SeatTaken when a buyer took a seat meanwhile;
    SeatLabelTaken and SeatPlaceTaken when a name looks like another seat's.
    """
    with refused_by(**REFUSALS), transaction.atomic(durable=True):
        schedule = lock_seat_plan(schedule_id, seats_before=None)
        if present_version(schedule_id) != version:
            raise SeatsChanged
        found = difference(schedule, rows)
        _remove(found.removed)
        _change(schedule, found.changed)
        _add(schedule, found.added)
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") + len(found.added) - len(found.removed)
        )
        if not found.is_empty:
            activity.record(
                actor=actor,
                act="seats.import",
                target=schedule,
                old={"removed": [seat.label for seat in found.removed]},
                new={
                    "added": [row.label for row in found.added],
                    "seats": [each.seat.label for each in found.changed],
                },
                reason=reason,
            )
    return found


def _remove(seats: Sequence[Seat]) -> None:
    delete_unheld(Seat.objects.filter(pk__in=[seat.pk for seat in seats]))


def _change(schedule: ConcertSchedule, changed: Sequence[Changed]) -> None:
    """One statement for all seats that get the same values, and one for new labels."""
    numbers = [each.seat.number for each in changed]
    locked = lock_seats(schedule_id=schedule.pk, numbers=numbers, wait=True)
    if not all(seat.is_untaken for seat in locked.values()):
        raise SeatTaken
    alike: dict[Any, list[uuid.UUID]] = {}
    labelled = []
    for each in changed:
        values = {name: value for name, value in each.values.items() if name != "label"}
        if values:
            alike.setdefault(tuple(values.items()), []).append(each.seat.pk)
        if "label" in each.values:
            each.seat.label = each.values["label"]
            labelled.append(each.seat)
    for values, of_these in alike.items():
        Seat.objects.filter(pk__in=of_these).update(**dict(values), edit_xid=CURRENT_TRANSACTION)
    # Two seats may change their labels with each other.
    between = Seat.objects.filter(pk__in=[seat.pk for seat in labelled])
    between.update(
        label=Concat(Value("~"), Cast("number", CharField())), edit_xid=CURRENT_TRANSACTION
    )
    Seat.objects.bulk_update(labelled, ["label"], batch_size=500)


def _add(schedule: ConcertSchedule, rows: Sequence[TableRow]) -> None:
    last = schedule.seats.aggregate(last=Max("number", default=0))["last"]
    seats = [
        Seat(
            schedule=schedule,
            number=last + index,
            **{name: getattr(row, name) for name in row.__dataclass_fields__},
        )
        for index, row in enumerate(rows, start=1)
    ]
    write_rows(Insert(seats))
