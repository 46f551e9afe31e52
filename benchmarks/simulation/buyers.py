"""The buyers of a simulation, and how patient, forgetful and quick each of them is.

Not those of operations/load: each of those is a thread with a connection, and lives in real time.
"""

import math
import uuid
from dataclasses import dataclass
from random import Random

from benchmarks.bulk_users import user_id
from queueing.services.queue_position import QueuePosition

# All that takes time is told as a share of the time within which people come.
# So many of those who come are there in the first moments; the others trickle in.
RUSH, RUSH_LASTS = 0.4, 0.025
# Shares of those who wait: some go silently, some leave, some have a phone that sleeps.
SILENT, LEAVING, SLEEPING = 0.15, 0.10, 0.15
PATIENCE = 0.5
SHORTEST_SLEEP, LONGEST_SLEEP = 0.1, 1.2
# How many of those who find that they were dropped come again.
COMES_AGAIN = 0.8
# Buying takes so long at least, and on average so much longer.
SHORTEST_INSIDE, FURTHER_INSIDE = 0.01, 0.04


@dataclass(slots=True)
class Buyer:
    """One person: what they will do, and what they know of their position.

    Moments are seconds since the start. ``due`` is when they were told to ask again at the
    latest, ``asks_next`` the second in which they do, ``told_in`` the last minute in which it was
    noted what they were told; ``ended`` is how their token really ended, as the history has it.
    ``saw_front``: they ask because the front of the line has passed them.
    """

    number: int
    user_id: uuid.UUID
    arrives: float
    goes_silent: float = math.inf
    leaves: float = math.inf
    sleeps_at: float = math.inf
    wakes_at: float = math.inf
    inside_for: float = 0.0
    comes_again: bool = True
    token: uuid.UUID | None = None
    position: int = 0
    ahead: int = 0
    due: float = 0.0
    asks_next: int = -1
    told_in: int = -1
    saw_front: bool = False
    inside: bool = False
    ended: str = ""
    done: bool = False

    def take(self, place: QueuePosition) -> None:
        """A place of their own in line."""
        self.token, self.position, self.ahead = place.token, place.position, place.ahead
        self.inside, self.ended, self.saw_front = False, "", False

    def asks_at(self, told: float, rng: Random) -> float:
        """When a buyer who was told to ask at ``told`` really asks; infinity for never."""
        when = told + rng.random()
        if when >= self.goes_silent:
            return math.inf
        return self.wakes_at if self.sleeps_at <= when < self.wakes_at else when


def create_buyers(count: int, *, within: float, rng: Random) -> list[Buyer]:
    """So many buyers who come ``within`` so many seconds, in the order of their coming."""
    arrivals = sorted(_arrival(within, rng) for _ in range(count))
    return [_buyer(number, arrives, within, rng) for number, arrives in enumerate(arrivals)]


def _arrival(within: float, rng: Random) -> float:
    if rng.random() < RUSH:
        return within * min(rng.expovariate(1 / RUSH_LASTS), 1)
    return within * rng.random() ** 2


def _buyer(number: int, arrives: float, within: float, rng: Random) -> Buyer:
    buyer = Buyer(number, user_id(number), arrives)
    temper = rng.random()
    tires = arrives + 1 + within * rng.expovariate(1 / PATIENCE)
    if temper < SILENT:
        buyer.goes_silent = tires
    elif temper < SILENT + LEAVING:
        buyer.leaves = tires
    elif temper < SILENT + LEAVING + SLEEPING:
        buyer.sleeps_at = tires
        buyer.wakes_at = tires + within * rng.uniform(SHORTEST_SLEEP, LONGEST_SLEEP)
    buyer.inside_for = within * (SHORTEST_INSIDE + rng.expovariate(1 / FURTHER_INSIDE))
    buyer.comes_again = rng.random() < COMES_AGAIN
    return buyer
