"""What must be right about a show before it is published: its check list."""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

from django.db.models import F, Q

from concerts.models import Concert, ConcertScheduleQuerySet
from queueing.models import WaitingRoom

State = WaitingRoom.State


@dataclass(frozen=True)
class Point:
    """``is_needed``: a show that does not meet it is published with a reason only."""

    name: str
    is_met: bool
    is_needed: bool = True


def check_show(concert: Concert, now: dt.datetime) -> list[Point]:
    """The points of the list; ``concert`` with its room. A statement each, at most."""
    points = [Point(name, check(concert, now)) for name, check in CHECKS.items()]
    return [*points, Point("told_in_english", is_told_in_english(concert), is_needed=False)]


def has_dates(concert: Concert, now: dt.datetime) -> bool:
    return _dates(concert).filter(start_at__gt=now).exists()


def has_seats(concert: Concert, now: dt.datetime) -> bool:
    return not without_seats(_dates(concert)).exists()


def can_be_sold(concert: Concert, now: dt.datetime) -> bool:
    """No date's sale is over."""
    return not _dates(concert).filter(reserve_until__lte=now).exists()


def room_lets_in(concert: Concert, now: dt.datetime) -> bool:
    """Buyers who join the line get to a sale that is open."""
    dates = _dates(concert)
    if concert.waiting_room.state == State.OPEN:
        return not dates.filter(reserve_from__gt=now).exists()
    is_scheduled = concert.waiting_room.state == State.SCHEDULED
    return is_scheduled and not room_opens_first(dates).exists()


def run_covers_dates(concert: Concert, now: dt.datetime) -> bool:
    return not outside_the_run(_dates(concert)).exists()


def is_told_in_english(concert: Concert) -> bool:
    return bool(concert.title_en and (concert.venue_en or not concert.venue))


def _dates(concert: Concert) -> ConcertScheduleQuerySet:
    return concert.schedules.filter(cancelled_at=None)


CHECKS: dict[str, Callable[[Concert, dt.datetime], bool]] = {
    "has_dates": has_dates,
    "has_seats": has_seats,
    "can_be_sold": can_be_sold,
    "room_lets_in": room_lets_in,
    "run_covers_dates": run_covers_dates,
}


# What is wrong with a date: also for the warnings of the console's front page.


def without_seats(dates: ConcertScheduleQuerySet) -> ConcertScheduleQuerySet:
    return dates.filter(seat_quantity=0)


def room_opens_first(dates: ConcertScheduleQuerySet) -> ConcertScheduleQuerySet:
    """The dates whose room is to open before their sale does."""
    room = "concert__waiting_room__"
    return dates.filter(
        **{f"{room}state": State.SCHEDULED, f"{room}opens_at__lt": F("reserve_from")}
    )


def outside_the_run(dates: ConcertScheduleQuerySet) -> ConcertScheduleQuerySet:
    """The dates that are not within the run that their concert announces."""
    before, after = Q(start_at__lt=F("concert__start_time")), Q(end_at__gt=F("concert__end_time"))
    return dates.filter(before | after)
