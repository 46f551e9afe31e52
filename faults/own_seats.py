"""What a buyer knows of its own seats from the answers alone, and what a seat map must then show.

Knows neither SQL nor HTTP. Times are in seconds of the recorder's clock.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

# As in operations.load.seat_picture.
HELD, RESERVED = "1", "2"
# Until an overdue hold, or one whose request had no answer, is gone from the map.
PATIENCE = 30.0


@dataclass
class OwnSeats:
    """``held``: until when each seat is surely held. ``perhaps``: until when each seat may be held:
    its hold has ended, or its request had no answer. ``bought`` has the seat of each ticket."""

    held: dict[int, float] = field(default_factory=dict)
    perhaps: dict[int, float] = field(default_factory=dict)
    bought: dict[str, int] = field(default_factory=dict)

    def hold(self, numbers: Iterable[int], *, until: float) -> None:
        self.held |= dict.fromkeys(numbers, until)

    def doubt(self, numbers: Iterable[int], *, now: float) -> None:
        """A request about these had no answer: it may have been done, or not."""
        for number in numbers:
            self.held.pop(number, None)
            self.perhaps[number] = max(now + PATIENCE, self.perhaps.get(number, 0.0))

    def give_back(self, numbers: Iterable[int]) -> None:
        """These are surely held no longer."""
        for number in numbers:
            self.held.pop(number, None)
            self.perhaps.pop(number, None)

    def buy(self, tickets: Mapping[str, int]) -> None:
        self.give_back(tickets.values())
        self.bought |= tickets

    def wrongs(
        self, mine: Iterable[int], states: Mapping[int, str], *, started: float, ended: float
    ) -> Iterator[str]:
        """What is wrong with an answer to a request that was sent after the last commit.

        ``mine`` are the numbers that it says the buyer holds, ``states`` a digit for each number.
        """
        self._forget(started)
        shown = set(mine)
        for number, until in self.held.items():
            if until > ended and (number not in shown or states.get(number) != HELD):
                yield f"seat {number} is held, shown as {states.get(number)}"
        for number in shown - self.held.keys() - self.perhaps.keys():
            yield f"seat {number} is shown as held by the buyer, who does not hold it"
        for number in self.bought.values():
            if states.get(number) != RESERVED:
                yield f"seat {number} is bought, shown as {states.get(number)}"

    def _forget(self, now: float) -> None:
        """What has ended by itself."""
        over = [number for number, until in self.held.items() if until <= now]
        self.doubt(over, now=now)
        self.perhaps = {number: until for number, until in self.perhaps.items() if until > now}
