"""What concerts keeps about a user (accounts/personal_data.py)."""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.personal_data import PersonalData, Rows, Section
from concerts.models import Reminder, StaffConcert


def _reminders(user: User) -> Rows:
    reminders = Reminder.objects.filter(user=user).order_by("pk")
    return reminders.values(
        "schedule__concert__title", "schedule__start_at", "language", "created_at", "sent_at"
    )


def _erase(user: User) -> None:
    for model in (Reminder, StaffConcert):
        model._base_manager.filter(user=user).delete()


PERSONAL_DATA = PersonalData(
    sections=[Section("reminders", _("Reminders"), "concerts.Reminder", _reminders)],
    left_out={
        "concerts.Seat": "who holds a seat now: the same is in the reservations",
        "concerts.ConcertSchedule": "who cancelled it, of the staff",
        "concerts.StaffConcert": "the concerts that a member of the staff works for",
        "concerts.SeatStatusHistory": "the seats' side of the reservations",
    },
    erase=_erase,
)
