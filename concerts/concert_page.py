"""What a concert's page shows: to buyers, and to the staff before it is published."""

import datetime as dt
from typing import Any

from concertbook.db.clock import seconds_until
from concerts.services import hall_picture, performances


def context_of(concert: Any, *, date: str) -> dict[str, Any]:
    """For concerts/detail.html. ``concert`` has its offer (with_offers); ``date`` is the key of the
    performance that is asked for, or any other text."""
    found = performances.add_seats(performances.find_performances(concert))
    chosen: Any = performances.choose(found, date)
    return {
        "concert": concert,
        "performances": found,
        "chosen": chosen,
        "hall": hall_picture.hall_picture(chosen.pk) if chosen else None,
        "opens_in": seconds_until(chosen.sale_opens_at) if chosen else 0,
        "changes_in": changes_in(concert.next_sale),
    }


def changes_in(moment: dt.datetime | None) -> int:
    """Seconds until the page changes, 0 if it will not.

    At least 1 until the moment has come: a page built just before it, and kept, asks again.
    """
    return max(1, seconds_until(moment)) if moment else 0
