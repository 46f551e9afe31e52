"""The sections of a hall for the seat page: what is left in each, and the seats of some."""

import uuid
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

from concerts.models import Seat
from concerts.services.seat_map import SeatOnMap
from concerts.services.seat_plans import MOST_INDICES, plan_index
from concerts.services.seat_snapshots import FREE, HELD
from concerts.services.seat_states import SeatStates

# A grade and its price, in won.
Offer = tuple[str, int]
# As in the snapshot; a seat that is not for sale looks sold.
STATUS_OF = {FREE: Seat.Status.AVAILABLE, HELD: Seat.Status.HELD}


@dataclass(frozen=True)
class Section:
    """``offers`` are its grades and prices, the most frequent one first; ``left`` free seats."""

    name: str
    offers: Sequence[Offer]
    left: int


def sections(view: SeatStates) -> list[Section]:
    """All sections, in the order of their first seats by number."""
    states = view.states
    return [
        Section(each.name, each.offers, sum(states.count(FREE, *span) for span in each.spans))
        for each in _planned(view.snapshot.schedule_id, view.snapshot.plan)
    ]


def seats_of_section(view: SeatStates, name: str) -> list[SeatOnMap]:
    """By number; none if there is no such section."""
    planned = _planned(view.snapshot.schedule_id, view.snapshot.plan)
    spans = [span for each in planned if each.name == name for span in each.spans]
    return _on_map(view, (index for span in spans for index in range(*span)))


def all_seats(view: SeatStates) -> list[SeatOnMap]:
    """By number."""
    return _on_map(view, range(len(view.snapshot.seats.seats)))


def seats_by_number(view: SeatStates, numbers: Collection[int]) -> list[SeatOnMap]:
    """Those of these seats that exist, by number."""
    index_of = view.snapshot.seats.index
    return _on_map(view, sorted(index_of[number] for number in numbers if number in index_of))


def _on_map(view: SeatStates, indices: Iterable[int]) -> list[SeatOnMap]:
    seats, states = view.snapshot.seats.seats, view.states
    return [
        SeatOnMap(*seats[index], STATUS_OF.get(states[index], Seat.Status.RESERVED))
        for index in indices
    ]


@dataclass(frozen=True)
class _Planned:
    """``spans`` are ranges of indices: the first one, and the one after the last."""

    name: str
    offers: Sequence[Offer]
    spans: Sequence[tuple[int, int]]


@lru_cache(maxsize=MOST_INDICES)
def _planned(schedule_id: uuid.UUID, version: str) -> list[_Planned]:
    spans: dict[str, list[tuple[int, int]]] = {}
    offers: dict[str, Counter[Offer]] = {}
    start = 0
    for name, group in groupby(
        plan_index(schedule_id, version).seats, key=lambda seat: seat.section
    ):
        seats = list(group)
        spans.setdefault(name, []).append((start, start + len(seats)))
        offers.setdefault(name, Counter()).update((seat.grade, seat.price) for seat in seats)
        start += len(seats)
    return [
        _Planned(name, [offer for offer, _count in offers[name].most_common()], ranges)
        for name, ranges in spans.items()
    ]
