"""How long the line will take: the pace people are let in at, and what it means for one of them."""

import math
from dataclasses import dataclass

from django.conf import settings

from queueing.models import WaitingRoom

# What a pace was lately and what it was before say more than either; the truth may lie a little
# outside both.
MARGIN = 1.2
# After so many seconds what was measured says more than what is possible.
ENOUGH = 60


@dataclass(frozen=True)
class Pace:
    """People let in each second, between what may be hoped for and what is all but certain."""

    fast: float
    slow: float


def pace(
    room: WaitingRoom, *, full: bool, freed_lately: float, freed_before: float, measured_for: float
) -> Pace:
    """The pace of a room, full or not, where places came free so fast (per second).

    While there are places the doors set the pace. In a full room those who leave do: as fast as
    they did while it was measured (``measured_for`` seconds), but no slower than if everybody
    stays as long as anybody may.
    """
    ceiling = room.admit_per_minute / 60
    if not full:
        return Pace(fast=ceiling, slow=ceiling / MARGIN)
    longest_stay = room.active_seconds + settings.HOLD_SECONDS + settings.PAYMENT_SECONDS
    floor = min(ceiling, room.capacity / longest_stay)
    if measured_for < ENOUGH:
        return Pace(fast=ceiling, slow=floor)
    freed = freed_lately, freed_before
    fast = min(ceiling, max(floor, *freed) * MARGIN)
    return Pace(fast=fast, slow=min(fast, max(floor, min(freed) / MARGIN)))


@dataclass(frozen=True)
class Wait:
    """Seconds until it is somebody's turn: as a range, and what to say when one figure must do."""

    likely: int
    fastest: int
    slowest: int


NO_WAIT = Wait(likely=0, fastest=0, slowest=0)


def wait(*, ahead: int, fast: float, slow: float, opens_in: float) -> Wait:
    """The wait behind ``ahead`` people at a pace between two, in a room that opens in so many s."""
    opening = max(0.0, opens_in)
    fastest, slowest = (opening + (ahead + 1) / pace for pace in (fast, slow))
    return Wait(
        likely=math.ceil(math.sqrt(fastest * slowest)),
        fastest=math.floor(fastest),
        slowest=math.ceil(slowest),
    )


def average(before: float, measured: float, *, seconds: float, over: float) -> float:
    """A moving average over some seconds, when ``measured`` held for the last ``seconds``."""
    weight = 1 - math.exp(-seconds / over)
    return before + (measured - before) * weight
