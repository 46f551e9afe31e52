"""The running demo's sales, for the scripts that report on its pages. Django must be set up."""

from typing import Any

from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule
from concerts.services.offers import Sale, with_sales

# Seats.
HALLS = (50, 2_000, 20_000)


def schedules_on_sale() -> dict[int, ConcertSchedule]:
    """For each size of hall the schedule on sale whose hall is nearest to it."""
    on_sale: Any = with_sales(ConcertSchedule.objects.visible_to(None), database_now())
    found = list(on_sale.filter(sale=Sale.OPEN).select_related("concert"))
    return {hall: min(found, key=lambda each: abs(each.seat_quantity - hall)) for hall in HALLS}
