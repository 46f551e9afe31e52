"""The document of a seat plan: written and read here, and nowhere else in the server.

The seats are in one fixed order, by number; an index counts them from 0. The document is JSON:

``version``   the first 16 hexadecimal digits of the SHA-256 over the rest of the document
``schedule``  the schedule's id
``seats``     how many seats there are
``box``       ``{x, y, width, height}`` around all sections; the stage is centred on x = 0 in
              front of y = 0
``offers``    ``[{grade, price}]``, price in won
``kinds``     ``"standard"``, then the other kinds that the seats have: ``wheelchair``,
              ``companion``, ``restricted`` (view)
``sections``  ``[{name, x, y, width, height}]``
``rows``      columns: ``section`` (index in sections), ``name``
``runs``      columns; a run is ``seats`` seats of one row, offer and kind with consecutive
              indices and numbers. Seat k of a run, from 0, has the number ``number + k``, in its
              row the number ``seat_in_row + k * step``, and its centre at ``x + k * dx,
              y + k * dy``. ``row``, ``offer`` and ``kind`` are indices. Together, in their order,
              the runs have every seat
``labels``    by index, as text, the labels that are not ``<section> <row>-<seat_in_row>``

Saved documents outlive a release, here and in every cache: a new release may add keys, and neither
removes one nor gives it another meaning. A migration that empties ``seat_plan`` has the present
plans composed anew.
"""

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from concerts.services.seat_layout import SEAT, Box, Layout, Name, Point, lay_out
from concerts.services.seat_rows import usual_label

Document = dict[str, Any]
STANDARD = "standard"
RUN_COLUMNS = (
    *("row", "number", "seats", "seat_in_row", "step", "offer", "kind"),
    *("x", "y", "dx", "dy"),
)


class PlannedSeat(NamedTuple):
    number: int
    label: str
    section: str
    row: str
    seat_in_row: int
    grade: str
    price: int
    kind: str = STANDARD

    @property
    def name(self) -> Name:
        return Name(self.section, self.row, self.seat_in_row)

    @property
    def usual_label(self) -> str:
        return usual_label(*self.name)


@dataclass
class _Run:
    """Seats of which everything is constant or grows by a constant."""

    row: int
    offer: int
    kind: int
    first: PlannedSeat
    last: PlannedSeat
    origin: Point
    end: Point
    seats: int = 1
    step: int = 1
    dx: int = SEAT
    dy: int = 0

    def takes(self, row: int, offer: int, kind: int, seat: PlannedSeat, point: Point) -> bool:
        """Add the seat if it continues the run; says whether it did. The second seat of a run
        decides by how much it grows."""
        step = seat.seat_in_row - self.last.seat_in_row
        growth = step, point.x - self.end.x, point.y - self.end.y
        alike = (row, offer, kind) == (self.row, self.offer, self.kind)
        continues = alike and seat.number == self.last.number + 1
        if not continues or (self.seats > 1 and growth != (self.step, self.dx, self.dy)):
            return False
        self.step, self.dx, self.dy = growth
        self.seats += 1
        self.last, self.end = seat, point
        return True

    def values(self) -> tuple[int, ...]:
        """As RUN_COLUMNS."""
        return (
            *(self.row, self.first.number, self.seats, self.first.seat_in_row, self.step),
            *(self.offer, self.kind, *self.origin, self.dx, self.dy),
        )


class _Indices(dict[Any, int]):
    """Counts distinct keys in the order in which they are first asked for."""

    def __missing__(self, key: Any) -> int:
        self[key] = len(self)
        return self[key]


def compose(schedule: str, seats: Sequence[PlannedSeat]) -> Document:
    """The document of these seats, which are ordered by number."""
    layout = lay_out([seat.name for seat in seats])
    sections, rows, offers = _Indices(), _Indices(), _Indices()
    kinds = _Indices({STANDARD: 0})
    runs: list[_Run] = []
    for seat, point in zip(seats, layout.points, strict=True):
        row = rows[sections[seat.section], seat.row]
        offer = offers[seat.grade, seat.price]
        kind = kinds[seat.kind]
        if not runs or not runs[-1].takes(row, offer, kind, seat, point):
            runs.append(_Run(row, offer, kind, seat, seat, point, point))
    columns = list(zip(*(run.values() for run in runs), strict=True)) or [()] * len(RUN_COLUMNS)
    document = {
        "schedule": schedule,
        "seats": len(seats),
        "box": _around(layout)._asdict(),
        "offers": [{"grade": grade, "price": price} for grade, price in offers],
        "kinds": list(kinds),
        "sections": [{"name": name, **layout.sections[name]._asdict()} for name in sections],
        "rows": {
            "section": [section for section, _name in rows],
            "name": [name for _section, name in rows],
        },
        "runs": dict(zip(RUN_COLUMNS, columns, strict=True)),
        "labels": {
            str(index): seat.label
            for index, seat in enumerate(seats)
            if seat.label != seat.usual_label
        },
    }
    return {"version": hashlib.sha256(to_bytes(document)).hexdigest()[:16], **document}


def to_bytes(document: Document) -> bytes:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":")).encode()


def _around(layout: Layout) -> Box:
    boxes = layout.sections.values()
    left = min((box.x for box in boxes), default=0)
    right = max((box.x + box.width for box in boxes), default=0)
    return Box(left, 0, right - left, max((box.y + box.height for box in boxes), default=0))


def seats_of(document: Document) -> Iterator[PlannedSeat]:
    """The seats of a document, in its order."""
    rows, offers, labels = document["rows"], document["offers"], document["labels"]
    index = 0
    for run in _runs(document):
        section = document["sections"][rows["section"][run["row"]]]["name"]
        row, offer = rows["name"][run["row"]], offers[run["offer"]]
        kind = document["kinds"][run["kind"]]
        for k in range(run["seats"]):
            place = run["seat_in_row"] + k * run["step"]
            label = labels.get(str(index), usual_label(section, row, place))
            number = run["number"] + k
            yield PlannedSeat(
                number, label, section, row, place, offer["grade"], offer["price"], kind
            )
            index += 1


def points_of(document: Document) -> Iterator[Point]:
    """The centres of the document's seats, in its order."""
    for run in _runs(document):
        for k in range(run["seats"]):
            yield Point(run["x"] + k * run["dx"], run["y"] + k * run["dy"])


def _runs(document: Document) -> Iterator[dict[str, int]]:
    columns = document["runs"]
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))
