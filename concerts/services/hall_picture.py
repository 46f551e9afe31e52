"""A small picture of a hall: its sections, where the seat plan has them, with what is left."""

import json
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from concerts.services.performances import availability
from concerts.services.seat_layout import Box
from concerts.services.seat_plans import saved_plan
from concerts.services.seat_states import recent_snapshot

MOST_PLANS = 64
# In front of the sections, as shares of the picture's width.
STAGE_DEPTH, STAGE_WIDTH = 0.07, 0.5
# The size of names, and about how wide a letter is, as a share of the picture's longer side.
LETTER = 0.035
# Between a section's outline and the next one's, in units of the plan.
GAP = 2


@dataclass(frozen=True)
class Block:
    """A section with its most frequent grade, and where its name stands; no ``label`` that does
    not fit."""

    name: str
    label: str
    grade: str
    available: int
    box: Box

    @property
    def middle(self) -> tuple[float, float]:
        return self.box.x + self.box.width / 2, self.box.y + self.box.height / 2


@dataclass(frozen=True)
class HallPicture:
    """In units of the plan; the stage is above y = 0."""

    frame: Box
    stage: Box
    letter: int
    blocks: list[Block]


def hall_picture(schedule_id: uuid.UUID) -> HallPicture | None:
    """The hall of the schedule; None if it has no seats, or but one section. Raises NotFound."""
    boxes = _boxes(schedule_id, recent_snapshot(schedule_id).plan)
    if len(boxes) < 2:
        return None
    left = min(box.x for box in boxes.values())
    width = max(box.x + box.width for box in boxes.values()) - left
    depth = max(box.y + box.height for box in boxes.values())
    letter = round(LETTER * max(width, depth))
    stage = round(STAGE_DEPTH * width)
    seats: dict[str, Counter[str]] = {name: Counter() for name in boxes}
    free: Counter[str] = Counter()
    for each in availability(schedule_id):
        seats[each.section][each.grade] += each.seats
        free[each.section] += each.available
    return HallPicture(
        frame=Box(left, -2 * stage, width, depth + 2 * stage),
        stage=Box(-round(STAGE_WIDTH * width / 2), -2 * stage, round(STAGE_WIDTH * width), stage),
        letter=letter,
        blocks=[
            Block(
                name=name,
                label=_label(name, box, letter),
                grade=seats[name].most_common(1)[0][0],
                available=free[name],
                box=Box(box.x, box.y, max(1, box.width - GAP), max(1, box.height - GAP)),
            )
            for name, box in boxes.items()
        ],
    )


def _label(name: str, box: Box, letter: int) -> str:
    """The name, or its last word, or nothing: what fits."""
    if letter * 1.4 > box.height:
        return ""
    names = (name, name.rpartition(" ")[2])
    return next((text for text in names if len(text) * letter <= box.width), "")


@lru_cache(maxsize=MOST_PLANS)
def _boxes(schedule_id: uuid.UUID, version: str) -> Mapping[str, Box]:
    document = json.loads(saved_plan(schedule_id, version).plain)
    return {
        section["name"]: Box(section["x"], section["y"], section["width"], section["height"])
        for section in document["sections"]
    }
