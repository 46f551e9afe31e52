"""Count the people of rooms, for their list and page in the admin."""

import datetime as dt

from django.db.models import IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Now

from queueing.models import QueueToken, QueueTokenQuerySet, WaitingRoom


def with_line_counts(
    rooms: QuerySet[WaitingRoom], *, up_to: int | None = None
) -> QuerySet[WaitingRoom]:
    """Rooms with ``waiting_count``, ``active_count`` and ``admitted_count``.

    How many are in line, inside, and were let in within the last minute. A line may have a
    million people: ``up_to`` stops each count there, which keeps a list of many rooms cheap;
    ``counted_up_to`` says so.
    """
    tokens = QueueToken.objects.all()
    a_minute_ago = Now() - dt.timedelta(minutes=1)
    return rooms.annotate(
        counted_up_to=Value(up_to, output_field=IntegerField()),
        waiting_count=_count_of(tokens.waiting(), "position", up_to),
        active_count=_count_of(tokens.active(), "expires_at", up_to),
        admitted_count=_count_of(
            tokens.filter(available_at__gt=a_minute_ago), "available_at", up_to
        ),
    )


def _count_of(tokens: QueueTokenQuerySet, along: str, up_to: int | None) -> "_Count":
    """Counted in the order of the index on (room, ``along``).

    Where one room has nearly all tokens the planner would read the whole table for each room.
    """
    of_room = tokens.filter(room=OuterRef("pk"))
    return _Count(of_room.order_by(along).values(along)[:up_to])


class _Count(Subquery):
    """How many rows the subquery has; Django's own Count knows no limit."""

    template = "(SELECT count(*) FROM (%(subquery)s) AS counted)"
    output_field = IntegerField()
