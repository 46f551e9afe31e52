"""What polls are told of a room, and the pace measured for it."""

import datetime as dt
from dataclasses import replace

from queueing.line.records import IndexWatermark, RoomSnapshot, to_milliseconds
from queueing.models import WaitingRoom
from queueing.services import forecast
from queueing.services.draw import is_undrawn

# Places that came free are averaged over so many seconds, lately and before.
LATELY = 30
BEFORE = 300


def snapshot_of(
    room: WaitingRoom, watermark: IndexWatermark, *, full: bool, free: int = 0
) -> RoomSnapshot:
    """What polls are told of the room. ``full`` when the places inside set the pace.

    ``free`` is how many more could be let in at once, by places and pace; 0 if it is not known.
    """
    pace = forecast.pace(
        room,
        full=full,
        freed_lately=watermark.freed_lately,
        freed_before=watermark.freed_before,
        measured_for=watermark.measured_for,
    )
    return RoomSnapshot(
        slug=room.slug,
        state=room.state,
        opens_at=to_milliseconds(room.opens_at) if room.opens_at else 0,
        fast=pace.fast,
        slow=pace.slow,
        free=free,
    )


UNMEASURED = IndexWatermark(
    through=0,
    inside=0,
    measured_at=0,
    freed_lately=0,
    freed_before=0,
    measured_for=0,
    undrawn=0,
    moving_since=0,
)


def measure(
    room: WaitingRoom,
    before: IndexWatermark,
    *,
    now: dt.datetime,
    inside: int,
    admitted: int,
    full: bool,
) -> IndexWatermark:
    """The watermark after a tick that admitted so many, and after which so many are inside."""
    watermark = before
    measured_at = to_milliseconds(now)
    # A room that has places, or stands still, tells nothing of how fast people leave a full one.
    if full and room.is_moving:
        seconds = max(0.001, (measured_at - before.measured_at) / 1000)
        freed = max(0, before.inside + admitted - inside) / seconds
        watermark = _average(before, freed, seconds=seconds)
    return replace(
        watermark,
        inside=inside,
        measured_at=measured_at,
        moving_since=(before.moving_since or measured_at) if room.is_moving else 0,
        undrawn=int(is_undrawn(room)),
    )


def _average(watermark: IndexWatermark, freed: float, *, seconds: float) -> IndexWatermark:
    """Over as long as there is something to average, at most."""
    so_far = watermark.measured_for + seconds
    lately, before = min(LATELY, so_far), min(BEFORE, so_far)
    return replace(
        watermark,
        freed_lately=forecast.average(watermark.freed_lately, freed, seconds=seconds, over=lately),
        freed_before=forecast.average(watermark.freed_before, freed, seconds=seconds, over=before),
        measured_for=so_far,
    )
