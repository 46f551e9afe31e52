"""The number of seats left behind each waiting room, shown to the people in line."""

from collections import Counter

from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule, Seat
from queueing.models import WaitingRoom
from queueing.services.rooms import tell_seats_left


def tell_rooms_seats_left() -> int:
    """Tell every room that leads to a sale how many seats are left; returns how many rooms."""
    now = database_now()
    rooms = WaitingRoom.objects.exclude(state=WaitingRoom.State.CLOSED)
    schedules = ConcertSchedule.objects.filter(concert__waiting_room__in=rooms)
    left = Counter(dict.fromkeys(schedules.values_list("concert__waiting_room", flat=True), 0))
    # Counted in a subquery: a join would group by every column that is selected.
    free = Seat.objects.filter(schedule=OuterRef("pk"), schedule__cancelled_at=None).free()
    count = free.order_by().values("schedule").annotate(n=Count("pk")).values("n")
    on_sale = schedules.filter(reserve_until__gt=now).annotate(free=Coalesce(Subquery(count), 0))
    for room_id, seats in on_sale.values_list("concert__waiting_room", "free"):
        left[room_id] += seats
    for room_id, seats in left.items():
        tell_seats_left(room_id=room_id, seats=seats)
    return len(left)
