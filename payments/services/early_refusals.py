"""Refuse a hold of a taken seat from the snapshot of the seats, without a transaction.

In a sell-out nearly every hold is refused. A refusal gives nothing away, so it may be told from a
snapshot that is younger than a second, if it is the refusal that the transaction would give:

- The rules that come before it are kept: the session, the admission and the number of requests are
  checked by the same round trip; the sale must be open with a second to spare; all seats exist. The
  purchase limit and the rule against hoarding concern users who hold or have held seats: those who
  ever held one of this schedule, or lately one of any other, go through the transaction. (Holds of
  other schedules are remembered in Redis alone: after a flush such a user may be told that the seat
  is taken, where the rule against hoarding would have refused them.)
- The seat must not have come free by time alone. A hold or a cooldown that has ended, by the clock
  of the database, goes through the transaction, which ends what is overdue.
- A seat comes free by its holder too (a released hold, a cancelled ticket). Such a seat may be
  refused until the next snapshot: for a second at most.

In any doubt nothing is raised, and the transaction decides.
"""

import uuid
from collections.abc import Collection, Sequence

from concerts.errors import SeatTaken
from concerts.seat_index.looks import Person
from concerts.services.nearest_in_snapshot import suggest_from
from concerts.services.seat_snapshots import (
    FREE,
    HELD,
    NOT_FOR_SALE,
    RESERVED,
    SaleFacts,
    SeatSnapshot,
)
from concerts.services.seat_states import (
    Refusable,
    last_copy,
    look_for_refusal,
    states_inside,
)
from queueing.line.errors import LineUnavailable, UnknownPerson, UnknownSession

# In milliseconds.
OLDEST = 1000
MARGIN = 1000


def refuse_taken(
    *, user_id: uuid.UUID, schedule_id: uuid.UUID, numbers: Sequence[int], person: Person
) -> bool:
    """Raises SeatTaken, with the seats to try instead (``nearest``), if one is surely taken.

    Without a round trip while the last snapshot of this process shows all of the seats as free.
    Otherwise counts the request; raises TooManyRequests. Returns whether it was counted.
    """
    copy = last_copy(schedule_id)
    if copy is None or not any(_looks_taken(copy, number) for number in numbers):
        return False
    try:
        found = look_for_refusal(user_id=user_id, schedule_id=schedule_id, person=person)
    except (UnknownPerson, UnknownSession, LineUnavailable):
        return False
    if _would_get_so_far(found, numbers):
        for number in sorted(numbers):
            if _is_taken(found, number):
                raise _explained(SeatTaken(seat=number), found.snapshot, numbers)
    return True


def explain_taken(
    refusal: SeatTaken, *, user_id: uuid.UUID, schedule_id: uuid.UUID, numbers: Sequence[int]
) -> SeatTaken:
    """The refusal of a transaction, with ``nearest`` from a recent snapshot.

    Without the seats that the user took since.
    """
    view = states_inside(user_id=user_id, schedule_id=schedule_id)
    return _explained(refusal, view.snapshot, numbers, view.numbers_taken_since)


def _explained(
    refusal: SeatTaken,
    snapshot: SeatSnapshot,
    numbers: Sequence[int],
    taken_since: Collection[int] = (),
) -> SeatTaken:
    """The refusal with ``nearest``, without the seats that are taken by now."""
    taken = [number for number in numbers if number == refusal.extra["seat"]]
    refusal.extra["nearest"] = suggest_from(snapshot, numbers, taken=[*taken, *taken_since])
    return refusal


def _looks_taken(snapshot: SeatSnapshot, number: int) -> bool:
    index = snapshot.seats.index.get(number)
    return index is not None and snapshot.states[index] != FREE


def _would_get_so_far(found: Refusable, numbers: Sequence[int]) -> bool:
    """Whether the rules that come before are surely kept."""
    facts = found.snapshot.facts
    return (
        found.age < OLDEST
        and _is_on_sale(facts, found.now)
        and not found.may_hold_seats
        and len(numbers) <= facts.purchase_limit
        and all(_is_for_sale(found.snapshot, number) for number in numbers)
    )


def _is_on_sale(facts: SaleFacts, now: int) -> bool:
    return facts.reserve_from + MARGIN <= now < facts.reserve_until - MARGIN


def _is_for_sale(snapshot: SeatSnapshot, number: int) -> bool:
    index = snapshot.seats.index.get(number)
    return index is not None and snapshot.states[index] != NOT_FOR_SALE


def _is_taken(found: Refusable, number: int) -> bool:
    index = found.snapshot.seats.index[number]
    state = found.snapshot.states[index]
    if state == HELD:
        return found.snapshot.until.get(index, 0) > found.now
    return state == RESERVED
