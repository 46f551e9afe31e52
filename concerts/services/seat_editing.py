"""Rename one seat, and change the grade, price and kind of one or of many."""

import re
import uuid
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from django.db import transaction
from django.db.models import Value
from django.db.models.lookups import Exact

from accounts.models import User
from accounts.services import activity
from concertbook.errors import Malformed, NotFound
from concerts.errors import SeatLabelTaken, SeatPlaceTaken, SeatTaken
from concerts.models import CURRENT_TRANSACTION, Seat
from concerts.names import clean_name, look_alike
from concerts.services.seat_batches import Batch, lock_batch, unless_status
from concerts.services.seat_locks import lock_schedule

MAY_EDIT = unless_status(Seat.Status.AVAILABLE, Seat.Status.BLOCKED)
EDITED = ("label", "section", "seat_in_row", "grade", "price", "kind", "edit_xid")


@dataclass(frozen=True)
class SeatDetails:
    """The values of a seat that an operator can change. ``price`` in won; ``kind`` is a Seat.Kind,
    None to keep it."""

    label: str
    section: str
    grade: str
    price: int
    kind: str | None = None


def edit_seat(*, seat_id: uuid.UUID, details: SeatDetails) -> Seat:
    """Change a seat that is neither held nor reserved.

    A label that ends like a generated one, in the row's letters, a hyphen and a number, also sets
    the seat's number in its row, so that the label and the seat map agree.

    Raises NotFound; SeatTaken when it is held or reserved; ScheduleCancelled, as the refunded
    tickets still name the seat; SeatLabelTaken and SeatPlaceTaken when another seat of the schedule
    has this name; Malformed for an empty label.
    """
    with transaction.atomic():
        # The schedule is locked first, as in the generator, which must see every label.
        of_seat = Seat.objects.filter(pk=seat_id).values_list("schedule_id", flat=True).first()
        if of_seat is None:
            raise NotFound
        schedule = lock_schedule(of_seat)
        seat = Seat.objects.select_for_update(no_key=True).filter(pk=seat_id).first()
        if seat is None:
            raise NotFound
        schedule.require_not_cancelled()
        if not seat.is_untaken:
            raise SeatTaken(seat=seat.number)
        rename(seat, label=details.label, section=details.section)
        require_own_name(seat)
        seat.grade = details.grade
        seat.price = details.price
        seat.kind = details.kind or seat.kind
        seat.edit_xid = CURRENT_TRANSACTION
        seat.save(update_fields=EDITED)
    return seat


def reclassify_seats(
    *,
    actor: User,
    schedule_id: uuid.UUID,
    numbers: Collection[int],
    reason: str,
    grade: str = "",
    price: int | None = None,
    kind: str = "",
) -> Batch:
    """Give those of these seats that no buyer holds or has another grade, price (won) or kind, and
    log it. What is empty stays as it is.

    Raises NotFound, ScheduleCancelled.
    """
    wanted: dict[str, Any] = {"grade": grade, "price": price, "kind": kind}
    wanted = {name: value for name, value in wanted.items() if value}
    with transaction.atomic(durable=True):
        schedule, batch = lock_batch(schedule_id, numbers, MAY_EDIT)
        if batch.seats and wanted:
            batch.rows.update(**wanted, edit_xid=CURRENT_TRANSACTION)
            activity.record(
                actor=actor,
                act="seats.reclassify",
                target=schedule,
                new={"seats": batch.labels, **wanted},
                reason=reason,
            )
    return batch


def rename(seat: Seat, *, label: str, section: str) -> None:
    """Set the seat's cleaned names, and the number in its label. Not saved.

    Raises Malformed for an empty label.
    """
    seat.label = clean_name(label)
    seat.section = clean_name(section)
    if not seat.label:
        raise Malformed
    said = re.search(rf"(?<!\w){re.escape(seat.row)}-([1-9]\d{{0,3}})$", seat.label)
    if said and seat.row:
        seat.seat_in_row = int(said[1])


def require_own_name(seat: Seat) -> None:
    """Raises SeatLabelTaken or SeatPlaceTaken if another seat of the schedule looks the same.

    Final only if the caller holds the schedule's lock.
    """
    others = Seat.objects.filter(schedule=seat.schedule_id).exclude(pk=seat.pk)
    if others.filter(_looks_like("label", seat.label)).exists():
        raise SeatLabelTaken(label=seat.label)
    in_row = others.filter(_looks_like("section", seat.section), _looks_like("row", seat.row))
    if in_row.filter(seat_in_row=seat.seat_in_row).exists():
        raise SeatPlaceTaken(section=seat.section, row=seat.row, seat_in_row=seat.seat_in_row)


def _looks_like(column: str, name: str) -> Exact:
    return Exact(look_alike(column), look_alike(Value(name)))
