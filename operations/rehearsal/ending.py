"""How a rehearsal ends: in the books by entries that reverse its own, and nothing is deleted.

1. The room closes, and all tokens in it end.
2. The schedule is cancelled: from here on it sells nothing.
3. What was held is released, and what was sold is refunded in full.
4. What is left in the buyers' balances is taken out again, the buyers are made inactive, and their
   sessions end.

Each step is committed by itself and does nothing the second time, so an ending that was killed
anywhere is finished by the next. A rehearsal has ended once its room is closed and no buyer of it
is active.
"""

import secrets
import time

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from accounts.models import User
from accounts.services.ledger import lock_balances
from accounts.sessions import end_sessions
from concerts.models import ConcertSchedule
from operations.load.fixtures import BUYERS_AT_ONCE, DOMAIN, REASON, move_money, new_member
from payments.models import Reservation
from payments.services.schedule_cancellation import (
    cancel_schedule,
    progress_of,
    refund_cancelled_schedules,
)
from queueing.models import WaitingRoom
from queueing.services.rooms import close_room, end_all_tokens

# A sweep of the running server may be refunding the same buyers; how long to wait for it.
PATIENCE_SECONDS = 60.0
POLL_SECONDS = 0.1


class RefundsStuck(Exception):
    """Reservations that cannot be ended: the audit names what is wrong with them."""


def end_rehearsals() -> int:
    """End every rehearsal that has not ended, a running one too; returns how many.

    Raises RefundsStuck.
    """
    active = User.objects.filter(rehearsal=OuterRef("rehearsal"), is_active=True)
    rooms = WaitingRoom.objects.exclude(rehearsal="")
    unfinished = rooms.filter(~Q(state=WaitingRoom.State.CLOSED) | Exists(active))
    names = list(unfinished.order_by("pk").values_list("rehearsal", flat=True))
    for name in names:
        end_rehearsal(name)
    return len(names)


def end_rehearsal(name: str) -> None:
    """End one rehearsal, or finish an ending that was interrupted.

    Raises RefundsStuck, after which the same call may be tried again.
    """
    room = WaitingRoom.objects.get(rehearsal=name)
    close_room(room_id=room.pk)
    end_all_tokens(room_id=room.pk)
    for schedule in ConcertSchedule.objects.filter(concert__waiting_room=room):
        cancel_schedule(schedule_id=schedule.pk, by=_member_of(name), reason=REASON)
        _refund(schedule)
    while _take_the_money_of_some(name):
        pass


def _member_of(name: str) -> User:
    """The user who cancels the schedule: one of the rehearsal's, because no real user does."""
    buyer: User | None = User.objects.filter(rehearsal=name).order_by("created_at", "pk").first()
    if buyer is None:
        # Killed before the first buyer was made.
        buyer = new_member(name, f"{name}.{secrets.token_hex(8)}{DOMAIN}")
        buyer.save()
    return buyer


def _refund(schedule: ConcertSchedule) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not progress_of(schedule_id=schedule.pk).is_done:
        if refund_cancelled_schedules():
            continue
        if time.monotonic() > deadline:
            stuck = Reservation.objects.live().filter(schedule=schedule).count()
            raise RefundsStuck(f"{stuck} reservations of schedule {schedule.pk} are not refunded")
        time.sleep(POLL_SECONDS)


@transaction.atomic(durable=True)
def _take_the_money_of_some(name: str) -> int:
    """Empty some balances, make their owners inactive, end their sessions; returns how many."""
    active = User.objects.filter(rehearsal=name, is_active=True).order_by("pk")
    users = list(active.values_list("pk", flat=True)[:BUYERS_AT_ONCE])
    # Before the balances, which come last in the lock order.
    User.objects.filter(pk__in=users).update(is_active=False)
    end_sessions(user_ids=users)
    balances = lock_balances(user_ids=users)
    left = {user_id: -balance.amount for user_id, balance in balances.items() if balance.amount}
    if left:
        move_money(left)
    return len(users)
