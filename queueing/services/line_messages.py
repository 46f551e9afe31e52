"""A message of the staff to all who wait in a room, in both languages of the site."""

from django.db import transaction

from accounts.models import User
from accounts.services import activity
from concertbook.errors import NotFound
from queueing.models import WaitingRoom


def tell_line(
    *, room_id: int, ko: str, en: str, actor: User | None = None, reason: str = ""
) -> WaitingRoom:
    """Show the message on the waiting page and in the front of the line; "" in both ends it.

    A text in one language is shown in both. It costs the polls nothing: the front is one public
    file. Raises NotFound.
    """
    with transaction.atomic():
        room = WaitingRoom.objects.select_for_update(no_key=True).filter(pk=room_id).first()
        if room is None:
            raise NotFound
        new = {"message_ko": ko.strip(), "message_en": en.strip()}
        old = {name: getattr(room, name) for name in new}
        for name, text in new.items():
            setattr(room, name, text)
        room.save(update_fields=list(new))
        activity.record(
            actor=actor, act="room.message", target=room, old=old, new=new, reason=reason
        )
    return room
