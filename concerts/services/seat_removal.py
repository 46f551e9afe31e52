"""Remove seats that no buyer ever held, a row at a time."""

import uuid
from collections.abc import Iterable

from django.db import transaction
from django.db.models import F, Q, QuerySet

from accounts.models import User
from accounts.services import activity
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.arrays import array
from concertbook.db.statements import execute
from concerts.errors import SeatTaken
from concerts.models import ConcertSchedule, Seat
from concerts.services.seat_locks import lock_seat_plan


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
        removed = delete_unheld(schedule.seats.filter(chosen))
        ConcertSchedule.objects.filter(pk=schedule.pk).update(
            seat_quantity=F("seat_quantity") - removed
        )
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
