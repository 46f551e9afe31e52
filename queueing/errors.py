"""What the line refuses."""

from django.utils.translation import gettext_lazy as _

from concertbook.errors import (
    AGAIN,
    CONCERTS,
    DomainError,
)


class QueueNotAdmitted(DomainError):
    """No token, or one that is waiting, expired, of another room or another person's."""

    code = "queue_not_admitted"
    status = 403
    message = _("It is not your turn yet, or your turn is over. Please join the line.")
    meaning = _("You have paid nothing. Seats that you hold stay yours until their time is over.")
    next_step = CONCERTS


class WaitingRoomClosed(DomainError):
    code = "waiting_room_closed"
    status = 409
    message = _("This waiting room is closed.")
    meaning = _("You have paid nothing here. The tickets that you have are valid.")
    next_step = CONCERTS


class WaitingRoomDraining(WaitingRoomClosed):
    """The room serves its line to the end and then closes."""

    message = _("This line takes no more buyers. Those who are in it already are still let in.")


class RoomInUse(DomainError):
    """People came, or a concert belongs to it: a room with a past is closed, not deleted."""

    code = "room_in_use"
    status = 409
    message = _("People came to this room, or a concert belongs to it: it cannot be deleted.")
    meaning = _("Nothing was changed.")
    next_step = AGAIN
