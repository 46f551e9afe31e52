"""The hall as the staff see it: the seat plan of the buyers' map, with who has what.

Buyers see a blocked seat as sold, the staff see which is which.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

from concerts.models import ConcertSchedule, Seat
from concerts.services.seat_layout import SEAT
from concerts.services.seat_plan_document import points_of
from concerts.services.seat_plans import plan_index, present_version, saved_plan

MOST_PLANS = 4
# A seat is drawn as a square of this size around its centre.
SIDE = 8
# In front of the first row, and to the left and right, for the stage and the names of rows.
FRONT, EDGE = 40, 20
SIGNS = {
    Seat.Kind.WHEELCHAIR: "♿",
    Seat.Kind.COMPANION: "+",
    Seat.Kind.RESTRICTED: "◐",
}


class State(TextChoices):
    FREE = "free", _("Free")
    HELD = "held", _("Held")
    SOLD = "sold", _("Sold")
    BLOCKED = "blocked", _("Blocked")
    HELD_BACK = "held-back", _("Held back")


STATES = {
    Seat.Status.AVAILABLE: State.FREE,
    Seat.Status.HELD: State.HELD,
    Seat.Status.RESERVED: State.SOLD,
    Seat.Status.BLOCKED: State.BLOCKED,
}


@dataclass(frozen=True)
class Text:
    """What is written at a point; ``key`` is the index of the row or section that it names."""

    x: int
    y: int
    text: str
    key: int = 0


@dataclass(frozen=True)
class HallPlan:
    """The part that no sale changes. ``seats`` are columns for the page's script, by index."""

    numbers: Sequence[int]
    squares: Sequence[str]
    view_box: str
    width: int
    rows: Sequence[Text]
    sections: Sequence[Text]
    marks: Sequence[Text]
    seats: Mapping[str, Any]


@dataclass(frozen=True)
class HallChart:
    """``paths`` has for each state its seats' squares as the data of an SVG path, ``counts`` how
    many they are; ``parties`` for whom seats are held back, with how many."""

    plan: HallPlan
    paths: Mapping[State, str]
    counts: Mapping[State, int]
    parties: Mapping[str, int]


def state_of(status: str, blocked_for: str) -> State:
    return State.HELD_BACK if blocked_for else STATES[Seat.Status(status)]


def hall_chart(schedule: ConcertSchedule) -> HallChart:
    """One query for the seats, and those of the plan if it is not in the process's cache."""
    plan = _plan(schedule.pk, present_version(schedule.pk))
    found = schedule.seats.order_by().values_list("number", "status", "blocked_for")
    now = {number: (state_of(status, party), party) for number, status, party in found}
    squares: dict[State, list[str]] = {state: [] for state in State}
    for number, square in zip(plan.numbers, plan.squares, strict=True):
        if number in now:
            squares[now[number][0]].append(square)
    return HallChart(
        plan=plan,
        paths={state: "".join(drawn) for state, drawn in squares.items()},
        counts={state: len(drawn) for state, drawn in squares.items()},
        parties=Counter(party for _state, party in now.values() if party),
    )


@lru_cache(maxsize=MOST_PLANS)
def _plan(schedule_id: UUID, version: str) -> HallPlan:
    document = json.loads(saved_plan(schedule_id, version).plain)
    seats = plan_index(schedule_id, version).seats
    points = list(points_of(document))
    box = document["box"]
    rows: dict[tuple[str, str], int] = {}
    grades: dict[str, int] = {}
    sections = {each["name"]: index for index, each in enumerate(document["sections"])}
    columns: dict[str, list[Any]] = {
        "number": [seat.number for seat in seats],
        "x": [point.x for point in points],
        "y": [point.y for point in points],
        "label": [seat.label for seat in seats],
        "section": [sections[seat.section] for seat in seats],
        "row": [rows.setdefault((seat.section, seat.row), len(rows)) for seat in seats],
        "grade": [grades.setdefault(seat.grade, len(grades)) for seat in seats],
    }
    # A row's name is to the left of its first seat.
    starts: dict[int, Text] = {}
    for row, point in zip(columns["row"], points, strict=True):
        if row not in starts or point.x - SEAT < starts[row].x:
            starts[row] = Text(point.x - SEAT, point.y, list(rows)[row][1], row)
    width = box["width"] + 2 * EDGE
    return HallPlan(
        numbers=columns["number"],
        squares=[f"M{x - SIDE // 2} {y - SIDE // 2}h{SIDE}v{SIDE}h-{SIDE}z" for x, y in points],
        view_box=f"{box['x'] - EDGE} {-FRONT} {width} {box['height'] + FRONT + EDGE}",
        width=width,
        rows=[starts[row] for row in sorted(starts)],
        sections=[
            Text(each["x"] + each["width"] // 2, each["y"] - 3, each["name"], index)
            for index, each in enumerate(document["sections"])
        ],
        marks=[
            Text(point.x, point.y, SIGNS[Seat.Kind(seat.kind)])
            for seat, point in zip(seats, points, strict=True)
            if seat.kind in SIGNS
        ],
        seats={
            **columns,
            "sections": list(sections),
            "rows": [f"{section} {row}".strip() for section, row in rows],
            "grades": list(grades),
        },
    )
