"""What is on sale: concerts, their schedules, the seats, and each seat's history."""

from concerts.models.concert import Concert, ConcertQuerySet, Poster, ShowColour, StaffConcert
from concerts.models.schedule import (
    ConcertSchedule,
    ConcertScheduleQuerySet,
    Reminder,
    ScheduleMove,
    SeatPlan,
)
from concerts.models.seat import CURRENT_TRANSACTION, Seat, SeatQuerySet, SeatStatusHistory
from concerts.models.seat_status import (
    MOVED,
    STATES_TO_BUYER,
    WRITE_HISTORY,
    NewStatuses,
    new_statuses,
    save_status,
    save_statuses,
)

__all__ = [
    "CURRENT_TRANSACTION",
    "MOVED",
    "STATES_TO_BUYER",
    "WRITE_HISTORY",
    "Concert",
    "ConcertQuerySet",
    "ConcertSchedule",
    "ConcertScheduleQuerySet",
    "NewStatuses",
    "Poster",
    "Reminder",
    "ScheduleMove",
    "Seat",
    "SeatPlan",
    "SeatQuerySet",
    "SeatStatusHistory",
    "ShowColour",
    "StaffConcert",
    "new_statuses",
    "save_status",
    "save_statuses",
]
