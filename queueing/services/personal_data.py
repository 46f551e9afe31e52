"""What queueing keeps about a user (accounts/personal_data.py).

A place in line has no name in it and stays: the draw of a room can be verified only with all
tokens that took part.
"""

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.personal_data import PersonalData, Rows, Section
from queueing.models import QueueToken


def _tokens(user: User) -> Rows:
    tokens = QueueToken.objects.filter(user=user).order_by("issued_at")
    return tokens.values(
        "room__title",
        "position",
        "drawn_from",
        "status",
        "issued_at",
        "available_at",
        "expires_at",
        "last_request_at",
        "entry__outcome",
        "entry__exited_at",
    )


PERSONAL_DATA = PersonalData(
    sections=[Section("waiting_rooms", _("Waiting rooms"), "queueing.QueueToken", _tokens)],
    left_out={"queueing.QueueEntryHistory": "a column of each place"},
)
