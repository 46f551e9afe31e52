"""Remove seats that were never held nor blocked: whole rows, or some seats."""

import uuid
from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.arrays import array
from concertbook.db.statements import execute
from concerts.errors import SeatTaken
from concerts.models import ConcertSchedule, Seat
from concerts.services.seat_batches import Batch, lock_batch
from concerts.services.seat_locks import lock_seat_plan

HAS_HISTORY = _("was held, sold or blocked before: its history stays, so block it instead")


def may_remove(seat: Seat) -> str | Promise:
    """Why a seat cannot be removed, as of seat_batches."""
    return HAS_HISTORY if seat.version else ""


def remove_rows(
    *,
    schedule_id: uuid.UUID,
    rows: Iterable[tuple[str, str]],
    seats_before: int | None = None,
    once: IdempotentRequest | None = None,
    actor: User | None = None,
    reason: str = "",
) -> int:
    """Delete all seats of these (section, row); returns how many.

    ``seats_before`` is the number of seats that the operator saw. Raises NotFound, SeatTaken if any
    of them was ever held, and as generate_seats does.
    """
    with transaction.atomic():
        if once is not None:
            once.claim_waiting()
        schedule = lock_seat_plan(schedule_id, seats_before=seats_before)
        chosen, rows = Q(pk__in=[]), list(rows)
        for section, row in rows:
            chosen |= Q(section=section, row=row)
        removed = _remove(schedule, schedule.seats.filter(chosen))
        activity.record(
            actor=actor,
            act="seats.remove",
            target=schedule,
            old={"seats": removed, "rows": [f"{section} {row}".strip() for section, row in rows]},
            reason=reason,
        )
        if once is not None:
            once.save(removed)
        return removed


def remove_seats(
    *, actor: User, schedule_id: uuid.UUID, numbers: Collection[int], reason: str
) -> Batch:
    """Delete those of these seats that have no history, and log it.

    Raises NotFound, ScheduleCancelled.
    """
    with transaction.atomic(durable=True):
        schedule, batch = lock_batch(schedule_id, numbers, may_remove)
        if batch.seats:
            _remove(schedule, batch.rows)
            activity.record(
                actor=actor,
                act="seats.remove",
                target=schedule,
                old={"seats": batch.labels},
                reason=reason,
            )
    return batch


def _remove(schedule: ConcertSchedule, seats: QuerySet[Seat]) -> int:
    removed = delete_unheld(seats)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(
        seat_quantity=F("seat_quantity") - removed
    )
    return removed


def delete_unheld(seats: QuerySet[Seat]) -> int:
    """Delete seats inside the caller's transaction; returns how many.

    Deletes by SQL, without Django's collector: a hall has thousands of seats, and a seat that was
    never held has no dependent rows. Raises SeatTaken if any was ever held.
    """
    locked = seats.select_for_update(of=("self",)).order_by("pk").values_list("pk", "version")
    found = list(locked.iterator(chunk_size=2000))
    if any(version for _pk, version in found):
        raise SeatTaken
    pks = array(pk for pk, _version in found)
    return execute("DELETE FROM concerts_seat WHERE id = ANY(%s::uuid[])", [pks])
