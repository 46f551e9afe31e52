"""When the first sale behind a waiting room opens."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from concertbook.db.clock import StatementTime, seconds_until
from concertbook.db.prepared import Param, Prepared
from concerts.models import ConcertSchedule


@dataclass(frozen=True)
class SaleOpening:
    opens_at: dt.datetime
    seconds_left: int


def find_sale_opening(*, room_id: int) -> SaleOpening | None:
    """The opening to come; None where a sale is open, or none is to come. One statement."""
    first = FIRST_SALE.first(room=room_id)
    if first is None or first.reserve_from <= first.read_at:
        return None
    return SaleOpening(first.reserve_from, seconds_until(first.reserve_from, first.read_at))


def _first_sale() -> QuerySet[Any]:
    dates = ConcertSchedule.objects.filter(
        concert__waiting_room=Param("room"), cancelled_at=None, reserve_until__gt=StatementTime()
    )
    first = dates.order_by("reserve_from").only("reserve_from")
    return first.annotate(read_at=StatementTime())[:1]


FIRST_SALE: Prepared[Any] = Prepared(_first_sale)
