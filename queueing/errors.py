"""What the line refuses."""

from django.utils.translation import gettext_lazy as _

from concertbook.errors import DomainError


class QueueNotAdmitted(DomainError):
    """No token, or one that is waiting, expired, of another room or another person's."""

    code = "queue_not_admitted"
    status = 403
    message = _("It is not your turn yet, or your turn is over. Please join the line.")


class WaitingRoomClosed(DomainError):
    code = "waiting_room_closed"
    status = 409
    message = _("This waiting room is closed.")


class WaitingRoomDraining(WaitingRoomClosed):
    """The room serves its line to the end and then closes."""

    message = _("This line takes no more buyers. Those who are in it already are still let in.")


class RoomInUse(DomainError):
    """People came, or a concert belongs to it: a room with a past is closed, not deleted."""

    code = "room_in_use"
    status = 409
    message = _("People came to this room, or a concert belongs to it: it cannot be deleted.")
