"""The number of seats left behind each waiting room, shown to the people in line."""

from collections import Counter

from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule
from queueing.models import WaitingRoom
from queueing.services.rooms import tell_seats_left


def tell_rooms_seats_left() -> int:
    """Tell every room that leads to a sale how many seats are left; returns how many rooms."""
    now = database_now()
    rooms = WaitingRoom.objects.exclude(state=WaitingRoom.State.CLOSED)
    schedules = ConcertSchedule.objects.filter(concert__waiting_room__in=rooms)
    left = Counter(dict.fromkeys(schedules.values_list("concert__waiting_room", flat=True), 0))
    schedules = schedules.filter(reserve_until__gt=now)
    for schedule in schedules.select_related("concert").with_seats_available():
        left[schedule.concert.waiting_room_id] += schedule.seats_available  # type: ignore[attr-defined]
    for room_id, seats in left.items():
        tell_seats_left(room_id=room_id, seats=seats)
    return len(left)
