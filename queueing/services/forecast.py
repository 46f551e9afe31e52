"""Forecast waits: the pace at which people are admitted, and the wait it means for one of them."""

import math
from dataclasses import dataclass

from django.conf import settings

from queueing.models import WaitingRoom

# What a pace was lately and what it was before say more than either; the truth may lie a little
# outside both.
MARGIN = 1.2
# After so many seconds the measured pace says more than the possible one.
ENOUGH = 60


@dataclass(frozen=True)
class Pace:
    """People admitted each second: at best (``fast``) and at worst (``slow``)."""

    fast: float
    slow: float


def pace(
    room: WaitingRoom, *, full: bool, freed_lately: float, freed_before: float, measured_for: float
) -> Pace:
    """The pace of a room, full or not, where places came free so fast (per second).

    While there are places the room's limit sets the pace. In a full room the people who leave do:
    as fast as they did while it was measured (``measured_for`` seconds), but no slower than if
    every admission lasted as long as it may.
    """
    ceiling = room.admit_per_minute / 60
    if not full:
        return Pace(fast=ceiling, slow=ceiling / MARGIN)
    longest_admission = room.active_seconds + settings.HOLD_SECONDS + settings.PAYMENT_SECONDS
    floor = min(ceiling, room.capacity / longest_admission)
    if measured_for < ENOUGH:
        return Pace(fast=ceiling, slow=floor)
    freed = freed_lately, freed_before
    fast = min(ceiling, max(floor, *freed) * MARGIN)
    return Pace(fast=fast, slow=min(fast, max(floor, min(freed) / MARGIN)))


@dataclass(frozen=True)
class Wait:
    """Seconds until a person's turn: a range, and ``likely`` where one figure must do."""

    likely: int
    fastest: int
    slowest: int


NO_WAIT = Wait(likely=0, fastest=0, slowest=0)


def wait(*, ahead: int, fast: float, slow: float, opens_in: float) -> Wait:
    """The wait behind ``ahead`` people at a pace between two, in a room that opens in so many s.

    Places come free at random moments: of n places the last may come as early as the pace gives
    n - sqrt(n). So the first in line may be let in at any moment, whatever the pace.
    """
    opening = max(0.0, opens_in)
    places = ahead + 1
    soonest, slowest = opening + places / fast, opening + places / slow
    fastest = opening + (places - math.sqrt(places)) / fast
    return Wait(
        likely=math.ceil(math.sqrt(soonest * slowest)),
        fastest=math.floor(fastest),
        slowest=math.ceil(slowest),
    )


def average(before: float, measured: float, *, seconds: float, over: float) -> float:
    """A moving average over some seconds, when ``measured`` held for the last ``seconds``."""
    weight = 1 - math.exp(-seconds / over)
    return before + (measured - before) * weight
