"""Sample buyers, so that the seats of the sample season look as they do during a sale.

They buy and hold through the services, some buyers in one transaction.
"""

import random
from collections.abc import Iterator, Sequence
from itertools import cycle

from accounts.models import OutgoingMessage, User
from accounts.services.charges import charge
from concertbook.db.clock import database_now
from concerts.models import ConcertSchedule, Seat
from payments.models import Reservation
from payments.services.carts import PaymentRequest
from payments.services.checkout import Receipt, pay
from payments.services.holds import hold
from payments.services.locked_sale import HoldRequest
from queueing.services.join_and_leave import join_anew

BUYERS = 60
WON = 10_000_000
# Fewer than the smallest sample room lets in.
BUYERS_AT_ONCE = 15

Choice = tuple[User, Sequence[int]]


class SampleBuyers:
    """Buyers without passwords, each with money for the whole season."""

    def __init__(self) -> None:
        self.emails = [f"buyer-{number:02}@concertbook.local" for number in range(1, BUYERS + 1)]
        User.objects.bulk_create(
            (
                User(email=email, name="표본", password="!", email_verified_at=database_now())
                for email in self.emails
            ),
            ignore_conflicts=True,
        )
        # One after the other, so that a buyer who holds seats does not join the same line again.
        self.next = cycle(User.objects.filter(email__in=self.emails).order_by("email"))
        for user in User.objects.filter(email__in=self.emails, charges=None):
            charge(user=user, amount=WON)

    def forget_mails(self) -> None:
        """The buyers have no mailbox, and their mails would hide those of the demo's user."""
        OutgoingMessage.objects.filter(user__email__in=self.emails).delete()

    def come(self, schedule: ConcertSchedule, *, sold: int, held: int) -> None:
        """Buy and hold so many seats of a schedule that is on sale, in groups here and there."""
        groups = _groups(schedule, sold + held)
        choices = [(next(self.next), group) for group in groups]
        holders = -(-held // schedule.purchase_limit)
        for some in _in_batches(choices[: len(choices) - holders]):
            buy(schedule, some)
        take(schedule, choices[len(choices) - holders :])


def buy(schedule: ConcertSchedule, choices: Sequence[Choice]) -> None:
    """Hold and pay these seats for these users, who must have the money."""
    paid = pay(
        [
            PaymentRequest(reservations[0].user, [reservation.pk for reservation in reservations])
            for reservations in take(schedule, choices)
        ],
        wait=True,
    )
    for outcome in paid:
        if not isinstance(outcome, Receipt):
            raise outcome


def take(schedule: ConcertSchedule, choices: Sequence[Choice]) -> list[list[Reservation]]:
    """Join the line, and hold these seats for these users.

    A user who is not let in, as one who holds seats from a run before, takes none.
    """
    requests = []
    for user, numbers in choices:
        place = join_anew(user_id=user.pk, slug=schedule.concert.waiting_room.slug, address="")
        if place and place.is_admitted:
            requests.append(HoldRequest(user, schedule.pk, numbers, place.token))
    held = []
    for outcome in hold(requests, wait=True):
        if isinstance(outcome, Exception):
            raise outcome
        held.append(outcome)
    return held


def _groups(schedule: ConcertSchedule, seats: int) -> list[list[int]]:
    """Numbers of so many standard seats, at most the purchase limit in each group, the same in each
    run."""
    size = schedule.purchase_limit
    others = schedule.seats.exclude(kind=Seat.Kind.STANDARD).values_list("number", flat=True)
    special = set(others)
    starts = [
        start
        for start in range(1, schedule.seat_quantity + 1, size)
        if special.isdisjoint(range(start, start + size))
    ]
    chosen = random.Random(schedule.seat_quantity).sample(starts, -(-seats // size))
    last = schedule.seat_quantity
    return [list(range(start, min(start + size, last + 1))) for start in chosen]


def _in_batches(choices: Sequence[Choice]) -> Iterator[Sequence[Choice]]:
    for start in range(0, len(choices), BUYERS_AT_ONCE):
        yield choices[start : start + BUYERS_AT_ONCE]
