"""The waiting room of a new show, with an address of its own."""

import datetime as dt
from itertools import count

from anyascii import anyascii
from django.utils.text import slugify

from queueing.models import WaitingRoom

# Room for a number after it, in the 100 letters of a slug.
LONGEST_NAME = 80


def create_draft_room(
    *, title: str, opens_at: dt.datetime, capacity: int, shuffle: bool
) -> WaitingRoom:
    """A room that no buyer can find yet, which opens at ``opens_at`` once it is published.

    Its slug is the title in Latin letters, with a number if another room has it already.
    """
    facts = {
        "title": title,
        "opens_at": opens_at,
        "capacity": capacity,
        "shuffle": shuffle,
        "published_at": None,
    }
    name = romanized(title)
    for number in count(1):
        slug = name if number == 1 else f"{name}-{number}"
        room, is_new = WaitingRoom.objects.get_or_create(slug=slug, defaults=facts)
        if is_new:
            break
    return room


def romanized(title: str) -> str:
    """The title as a slug: 밤의 노래 is bamui-nolae. Never empty."""
    return slugify(anyascii(title))[:LONGEST_NAME].strip("-_") or "show"
