"""The nearest free seats instead of taken ones, from a snapshot: without SQL, in microseconds."""

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence

from concerts.services.nearest_seats import Spot, nearest
from concerts.services.seat_snapshots import FREE, SeatSnapshot

# A grade and a kind of seats.
Class = tuple[str, str]
# The number of free seats looked at on either side of the wanted seats of a class, by number.
LOOK_AT = 100
# The answers that are kept with a snapshot.
MOST_CACHED = 1000


def suggest_from(
    snapshot: SeatSnapshot, numbers: Collection[int], *, taken: Collection[int] = ()
) -> list[int]:
    """Numbers of free seats to take instead of these: the same count, of the same grades
    and kinds.

    Fewer, or none, when too few are left. ``taken`` are not suggested: they are known to be taken
    since. None is held: another buyer may be faster.
    """
    cache: dict[object, list[int]] = snapshot.cache.setdefault("nearest", {})
    key = tuple(sorted(numbers)), tuple(sorted(taken))
    if key not in cache:
        found = _suggest(snapshot, numbers, taken)
        if len(cache) >= MOST_CACHED:
            return found
        cache[key] = found
    return cache[key]


def _suggest(snapshot: SeatSnapshot, numbers: Collection[int], taken: Collection[int]) -> list[int]:
    seats = snapshot.seats
    wanted: dict[Class, list[Spot]] = {}
    for number in sorted(numbers):
        if number in seats.index:
            spot = seats.spots[seats.index[number]]
            wanted.setdefault((spot.grade, spot.kind), []).append(spot)
    suggested: list[int] = []
    for each, alike in wanted.items():
        around = _around(_free(snapshot).get(each, []), alike[len(alike) // 2].number)
        suggested += nearest([spot for spot in around if spot.number not in taken], alike)
    return sorted(suggested)


def _around(free: Sequence[Spot], number: int) -> Sequence[Spot]:
    middle = bisect_left(free, number, key=lambda spot: spot.number)
    return free[max(0, middle - LOOK_AT) : middle + LOOK_AT]


def _free(snapshot: SeatSnapshot) -> Mapping[Class, list[Spot]]:
    """The free seats of each class, by number."""
    by_class: dict[Class, list[Spot]] | None = snapshot.cache.get("free")
    if by_class is None:
        by_class = {}
        for spot, state in zip(snapshot.seats.spots, snapshot.states, strict=True):
            if state == FREE:
                by_class.setdefault((spot.grade, spot.kind), []).append(spot)
        snapshot.cache["free"] = by_class
    return by_class
