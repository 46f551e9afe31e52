"""The news that a show was moved, to the holders of its tickets, and to the buyers of those that
were handed on: only a buyer can cancel.

1. However the schedule is moved, a trigger writes a ScheduleMove in the same transaction.
2. A sweep turns it into one message for each of them, some hundreds in a transaction, which also
   notes how far it came (tell_of_moves). Any number of workers may run it, and each may be killed.
3. The letter is written from the schedule as it is when it is sent (payments/letters.py).
"""

import datetime as dt
import uuid
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concerts.models import ScheduleMove
from payments.models import Ticket

# By then every payment has ended that had read the old time, and a slip that an operator corrects
# at once is told to no holder.
WAIT = dt.timedelta(seconds=30)
USERS_AT_ONCE = 500
BATCHES_AT_ONCE = 5


def tell_of_moves() -> int:
    """Queue the messages of some moves; returns how many."""
    told = 0
    for _batch in range(BATCHES_AT_ONCE):
        batch = _tell_some()
        if batch is None:
            break
        told += batch
    return told


def _tell_some() -> int | None:
    """The next messages of the oldest move that no other worker has; None if there is no move."""
    with transaction.atomic():
        now = database_now()
        moves = ScheduleMove.objects.select_for_update(
            of=("self",), skip_locked=True, no_key=True
        ).select_related("schedule")
        move = moves.filter(told_at=None, moved_at__lt=now - WAIT).order_by("moved_at").first()
        if move is None:
            return None
        users = _next_users(move)
        queue(new_message(kind="show_moved", user=user, data={"move": move.pk}) for user in users)
        move.told += len(users)
        if len(users) < USERS_AT_ONCE:
            move.told_at = now
        else:
            move.last_told = users[-1].pk
        move.save(update_fields=["told", "told_at", "last_told"])
    return len(users)


def _next_users(move: ScheduleMove) -> list[User]:
    if not is_news(move):
        return []
    tickets = Ticket.objects.filter(
        _concerned(move), seat__schedule=move.schedule_id, status=Ticket.Status.ISSUED
    )
    keys = {*_keys(tickets, "user", move), *_keys(tickets, "reservation__user", move)}
    first = sorted(keys)[:USERS_AT_ONCE]
    users: dict[uuid.UUID, User] = User.objects.in_bulk(first)
    return [users[key] for key in first]


def _keys(tickets: QuerySet[Ticket], to: str, move: ScheduleMove) -> QuerySet[Any, uuid.UUID]:
    """The next users in this relation to the tickets, by key."""
    if move.last_told is not None:
        tickets = tickets.filter(**{f"{to}__gt": move.last_told})
    keys = tickets.order_by(to).values_list(to, flat=True).distinct()
    return keys[:USERS_AT_ONCE]


def count_holders(schedule_id: uuid.UUID) -> int:
    """How many people would be told of a move now."""
    tickets = Ticket.objects.filter(
        seat__schedule=schedule_id, status=Ticket.Status.ISSUED
    ).order_by()
    return tickets.values("user").union(tickets.values("reservation__user")).count()


def is_news(move: ScheduleMove) -> bool:
    """Whether the show is still where this move put it."""
    schedule = move.schedule
    return schedule.cancelled_at is None and schedule.start_at == move.to_start_at


def _concerned(move: ScheduleMove) -> Q:
    """The tickets that were sold for another time, or whose holders were told of another one."""
    sold_for_another = ~Q(start_at=move.to_start_at)
    told_before = ScheduleMove.objects.filter(schedule=move.schedule_id, pk__lt=move.pk, told__gt=0)
    if told_before.exists():
        return sold_for_another | Q(created_at__lt=move.moved_at)
    return sold_for_another
