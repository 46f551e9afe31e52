"""Take seats out of the sale and give them back: blocked, or held back for a party such as the
promoter. Buyers see a blocked seat as sold."""

import uuid
from collections.abc import Collection

from django.db import transaction

from accounts.models import User
from accounts.services import activity
from concertbook.db.clock import database_now
from concerts.models import Seat, save_status
from concerts.services.seat_batches import Batch, lock_batch, unless_status

MAY_BLOCK = unless_status(Seat.Status.AVAILABLE)
MAY_UNBLOCK = unless_status(Seat.Status.BLOCKED)


def block_seats(
    *,
    actor: User,
    schedule_id: uuid.UUID,
    numbers: Collection[int],
    reason: str,
    blocked_for: str = "",
) -> Batch:
    """Block the free ones of these seats, also in their cooldown, and log it.

    ``blocked_for`` names the party that they are held back for. Raises NotFound, ScheduleCancelled.
    """
    with transaction.atomic(durable=True):
        schedule, batch = lock_batch(schedule_id, numbers, MAY_BLOCK)
        if batch.seats:
            for seat in batch.seats:
                seat.block()
            _save(batch, was=Seat.Status.AVAILABLE, by=actor, reason=reason)
            # After it: a seat that changes its status is held back for no party.
            batch.rows.update(blocked_for=blocked_for)
            activity.record(
                actor=actor,
                act="seats.block",
                target=schedule,
                new={"seats": batch.labels, "blocked_for": blocked_for},
                reason=reason,
            )
    return batch


def unblock_seats(
    *, actor: User, schedule_id: uuid.UUID, numbers: Collection[int], reason: str
) -> Batch:
    """Put the blocked ones of these seats on sale again at once, and log it.

    Raises NotFound, ScheduleCancelled.
    """
    with transaction.atomic(durable=True):
        schedule, batch = lock_batch(schedule_id, numbers, MAY_UNBLOCK)
        if batch.seats:
            for seat in batch.seats:
                seat.release()
            _save(batch, was=Seat.Status.BLOCKED, by=actor, reason=reason)
            activity.record(
                actor=actor,
                act="seats.unblock",
                target=schedule,
                new={"seats": batch.labels},
                reason=reason,
            )
    return batch


def _save(batch: Batch, *, was: Seat.Status, by: User, reason: str) -> None:
    save_status(batch.seats, from_status=was, changed_by=by, reason=reason, now=database_now())
