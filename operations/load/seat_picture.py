"""A client's picture of the seats, kept up to date by changes alone, and checked beside the table.

Under load a picture may be a second old, except for the buyer's own commits: `mine` is checked
after each of them. When nothing happens any more, `differences` must find none.
"""

import uuid
from base64 import urlsafe_b64decode
from collections.abc import Mapping, Sequence
from typing import Any

from concerts.models import Seat
from concerts.services.seat_plans import plan_index

# The digits of a picture, by the status that the table shows to buyers.
DIGITS = {Seat.Status.AVAILABLE: "0", Seat.Status.HELD: "1", Seat.Status.RESERVED: "2"}
GONE = "3"
OFFER = "number", "offer"


class SeatPicture:
    """``states`` has a digit for each seat in the order of the plan; ``mine`` are indices."""

    def __init__(self, schedule_id: uuid.UUID) -> None:
        self.schedule_id = schedule_id
        self.plan = ""
        self.cursor = ""
        self.states: list[str] = []
        self.mine: list[int] = []

    def apply(self, answer: Mapping[str, Any]) -> None:
        """An answer of seat-state/, asked with ``cursor`` if there is one."""
        if "states" in answer:
            seats = len(plan_index(self.schedule_id, answer["plan"]).numbers)
            self.states = list(unpack(answer["states"], seats))
        elif answer["plan"] != self.plan:
            raise AssertionError("changes of another plan than that of the states")
        for index, state in answer.get("changes", ()):
            self.states[index] = str(state)
        self.plan, self.cursor, self.mine = answer["plan"], answer["cursor"], answer["mine"]

    @property
    def by_number(self) -> dict[int, str]:
        """The digit of each seat."""
        if not self.plan:
            return {}
        numbers = plan_index(self.schedule_id, self.plan).numbers
        return dict(zip(numbers, self.states, strict=True))

    @property
    def my_numbers(self) -> list[int]:
        numbers = plan_index(self.schedule_id, self.plan).numbers
        return [numbers[index] for index in self.mine]


def unpack(states: str, seats: int) -> str:
    """A digit for each seat, from base64url of two bits a seat."""
    packed = int.from_bytes(urlsafe_b64decode(states + "=="), "little")
    return "".join(str(packed >> 2 * index & 3) for index in range(seats))


def differences(picture: SeatPicture) -> list[str]:
    """The seats that the picture shows otherwise than the table, when nothing happens."""
    seats = Seat.objects.filter(schedule=picture.schedule_id).with_offer()
    real = {number: DIGITS[offer] for number, offer in seats.values_list(*OFFER)}
    return differing(picture.by_number, real)


def differing(shown: Mapping[int, str], real: Mapping[int, str]) -> list[str]:
    return [
        f"seat {number}: {shown.get(number)} instead of {real.get(number, GONE)}"
        for number in sorted(shown.keys() | real.keys())
        if shown.get(number) != real.get(number, GONE)
    ]


def held_by(user_id: uuid.UUID, schedule_id: uuid.UUID) -> Sequence[int]:
    """The numbers of the seats that the table says this user holds."""
    held = Seat.objects.filter(schedule=schedule_id, held_by=user_id)
    return list(held.order_by("number").values_list("number", flat=True))
