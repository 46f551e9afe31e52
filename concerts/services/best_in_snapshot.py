"""The best free seats for a buyer who leaves the choice to us, from a snapshot: without SQL.

Better is nearer to the middle of the stage, by the plan's coordinates.
"""

import json
import random
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from concerts.services.seat_layout import SEAT
from concerts.services.seat_plan_document import STANDARD, points_of
from concerts.services.seat_plans import MOST_INDICES, saved_plan
from concerts.services.seat_sections import Offer
from concerts.services.seat_snapshots import FREE, SeatSnapshot

# A buyer who was too slow for the best seats gets one of so many next ones: not those that all
# others who were too slow get.
NEXT_BEST = 20


@dataclass(frozen=True)
class Preference:
    """So many seats of this grade and price (won), side by side or not."""

    offer: Offer
    count: int
    side_by_side: bool


@dataclass(frozen=True)
class Proposal:
    """Numbers of free seats in order, and the preference that they meet."""

    numbers: Sequence[int]
    meets: Preference


def propose(
    snapshot: SeatSnapshot, preference: Preference, *, taken: Collection[int] = (), retries: int = 0
) -> Proposal | None:
    """The best free seats that meet the preference, else the nearest one that can be met.

    In this order: the same seats apart; another grade, the nearest in price first; fewer seats.
    ``taken`` are numbers that were taken since. After ``retries`` the choice is random among the
    best ones. None when the hall is sold out. None of the seats is held.
    """
    for other in _nearest_preferences(snapshot, preference):
        found = _groups(snapshot, other, taken)
        if found:
            numbers = random.choice(found[:NEXT_BEST]) if retries else found[0]
            return Proposal(sorted(numbers), other)
    return None


def offers_of(snapshot: SeatSnapshot) -> dict[Offer, int]:
    """How many standard seats of each grade and price are free, the dearest first."""
    counts: dict[Offer, int] | None = snapshot.cache.get("offers")
    if counts is None:
        counts = {}
        for seat, state in zip(snapshot.seats.seats, snapshot.states, strict=True):
            offer = seat.grade, seat.price
            is_free = state == FREE and seat.kind == STANDARD
            counts[offer] = counts.get(offer, 0) + is_free
        counts = dict(sorted(counts.items(), key=lambda item: (-item[0][1], item[0][0])))
        snapshot.cache["offers"] = counts
    return counts


def _nearest_preferences(snapshot: SeatSnapshot, preference: Preference) -> Iterator[Preference]:
    _grade, price = preference.offer
    offers = sorted(
        offers_of(snapshot),
        key=lambda offer: (offer != preference.offer, abs(offer[1] - price)),
    )
    for count in range(preference.count, 0, -1):
        for offer in offers:
            fewer = replace(preference, offer=offer, count=count)
            yield fewer
            if preference.side_by_side and count > 1:
                yield replace(fewer, side_by_side=False)


def _groups(
    snapshot: SeatSnapshot, preference: Preference, taken: Collection[int]
) -> list[tuple[int, ...]]:
    """Groups of numbers that meet the preference, the best first."""
    groups: list[tuple[int, ...]] | None = snapshot.cache.get(preference)
    if groups is None:
        find = _side_by_side if preference.side_by_side or preference.count == 1 else _apart
        groups = snapshot.cache[preference] = find(snapshot, preference)
    if not taken:
        return groups
    return [group for group in groups if not set(group) & set(taken)]


def _side_by_side(snapshot: SeatSnapshot, preference: Preference) -> list[tuple[int, ...]]:
    """The best group first; no seat is in two groups."""
    points = _points(snapshot.schedule_id, snapshot.plan)
    seats, free, count = snapshot.seats.seats, _free(snapshot, preference.offer), preference.count
    found = []
    for at in range(len(free) - count + 1):
        group = free[at : at + count]
        first, last = seats[group[0]], seats[group[-1]]
        same_row = (first.section, first.row) == (last.section, last.row)
        # An aisle or a folded row lies between seats whose distances differ.
        width = abs(points[group[-1]][0] - points[group[0]][0])
        if same_row and last.number - first.number == count - 1 and width == SEAT * (count - 1):
            found.append((sum(_distance(points[index]) for index in group), group))
    used: set[int] = set()
    groups: list[tuple[int, ...]] = []
    for _distance_of_all, group in sorted(found):
        if len(groups) == 2 * NEXT_BEST:
            break
        if used.isdisjoint(group):
            used.update(group)
            groups.append(tuple(seats[index].number for index in group))
    return groups


def _apart(snapshot: SeatSnapshot, preference: Preference) -> list[tuple[int, ...]]:
    """The best single seats, as many as are asked for at a time."""
    points = _points(snapshot.schedule_id, snapshot.plan)
    free = sorted(_free(snapshot, preference.offer), key=lambda at: _distance(points[at]))
    numbers, count = snapshot.seats.numbers, preference.count
    return [
        tuple(numbers[index] for index in free[at : at + count])
        for at in range(0, min(len(free) - count + 1, 2 * NEXT_BEST * count), count)
    ]


def _free(snapshot: SeatSnapshot, offer: Offer) -> list[int]:
    """The indices of the free seats of a grade and price. Other kinds are chosen by hand."""
    seats = zip(snapshot.seats.seats, snapshot.states, strict=True)
    return [
        index
        for index, (seat, state) in enumerate(seats)
        if state == FREE and (seat.grade, seat.price, seat.kind) == (*offer, STANDARD)
    ]


def _distance(point: tuple[int, int]) -> int:
    x, y = point
    return abs(x) + y


@lru_cache(maxsize=MOST_INDICES)
def _points(schedule_id: uuid.UUID, version: str) -> Sequence[tuple[int, int]]:
    document = json.loads(saved_plan(schedule_id, version).plain)
    return list(points_of(document))
