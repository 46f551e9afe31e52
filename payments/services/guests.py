"""The search for a holder without a code, among the tickets of one show."""

import uuid

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from accounts.services import activity
from concertbook.visible import has_visible
from payments.models import Ticket
from payments.services.check_in_lists import masked
from payments.services.check_in_schedules import require_schedule

MOST_GUESTS = 20


def find_guests(*, schedule_id: uuid.UUID, words: str, by: User) -> list[Ticket]:
    """Live tickets of this show whose holder's name or whose seat contains ``words``, or whose
    holder's address begins with them; at most MOST_GUESTS, by name. Each search is recorded.

    Raises UnknownSchedule.
    """
    schedule = require_schedule(schedule_id=schedule_id, by=by)
    words = words.strip()
    if not has_visible(words):
        return []
    of_show = Ticket.objects.filter(reservation__schedule=schedule, is_live=True)
    matching = of_show.filter(
        Q(user__name__icontains=words)
        | Q(user__email__istartswith=words)
        | Q(seat__label__icontains=words)
    )
    shown = matching.select_related("user", "seat").order_by("user__name", "seat_number")
    with transaction.atomic(durable=True):
        found = list(shown[:MOST_GUESTS])
        # Masked: the log of the staff keeps no names of other persons.
        searched = {"words": masked(words), "found": len(found)}
        activity.record(actor=by, act="guests.search", target=schedule, new=searched)
    return found
