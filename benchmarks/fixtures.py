"""A sale to measure: buyers with money who are inside, and their requests as prepared bytes."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from accounts.models import User
from benchmarks.load import prepared
from concerts.services.seat_generation import Block
from operations.load import api_requests
from operations.load.client import Account
from operations.load.fixtures import Terms, create_sale
from payments.models import Reservation
from queueing.models import QueueToken, WaitingRoom
from queueing.services import index_build
from queueing.services.join_and_leave import join

UNBOUNDED = 1_000_000
SEATS_IN_ROW = 25
ROWS_IN_SECTION = 20
GRADES = ("VIP", "R", "S", "A")
TERMS = Terms(
    price=100,
    purchase_limit=200,
    cooldown_seconds=0,
    admit_per_minute=UNBOUNDED,
    active_seconds=86_400,
)


@dataclass(frozen=True)
class Buyer:
    account: Account
    token: uuid.UUID


class PreparedSale:
    """One schedule of ``seats`` seats and ``buyers`` people inside its room."""

    def __init__(self, *, buyers: int, seats: int) -> None:
        self.sale = create_sale(buyers=buyers, seats=seats, capacity=UNBOUNDED, terms=TERMS)
        self.schedule_id = self.sale.schedule_id
        self.room = WaitingRoom.objects.get(slug=self.sale.slug)
        self.buyers = self._let_in()
        # As the yardstick begins; and what is planned for empty tables must do for full ones.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")

    def reopen(self) -> None:
        """Let all buyers in again: those who have paid for their last seat have left the room."""
        QueueToken.objects.filter(room=self.room).update(status=QueueToken.Status.EXPIRED)
        self.buyers = self._let_in()

    def _let_in(self) -> list[Buyer]:
        # As the beat does it, which does not run here.
        index_build.build(self.room)
        users = {str(user.pk): user for user in User.objects.filter(rehearsal=self.room.slug)}
        return [
            Buyer(account, self._join(users[account.user_id])) for account in self.sale.accounts
        ]

    def _join(self, user: User) -> uuid.UUID:
        place, _joined = join(user=user, slug=self.room.slug)
        return place.token

    def holds(self, numbers: Sequence[int], *, seats_each: int) -> list[bytes]:
        """Requests that hold these seats, ``seats_each`` at a time, buyer after buyer."""
        holds = []
        for turn, start in enumerate(range(0, len(numbers), seats_each)):
            buyer = self.buyers[turn % len(self.buyers)]
            wanted = numbers[start : start + seats_each]
            hold = api_requests.hold(self.schedule_id, wanted, queue_token=str(buyer.token))
            holds.append(prepared(hold, buyer.account.access))
        return holds

    def payments(self, *, seats_each: int) -> list[bytes]:
        """Requests that pay for all that is held, ``seats_each`` reservations at a time."""
        access = {account.user_id: account.access for account in self.sale.accounts}
        purchases = [
            (start, user, ids[start : start + seats_each])
            for user, ids in self._held().items()
            for start in range(0, len(ids), seats_each)
        ]
        purchases.sort(key=lambda purchase: purchase[0])  # every buyer's first, then the second
        return [
            prepared(api_requests.pay(ids).under(str(uuid.uuid4())), access[user])
            for _start, user, ids in purchases
        ]

    def _held(self) -> dict[str, list[str]]:
        """The ids of the reservations that each user holds."""
        held = Reservation.objects.filter(status=Reservation.Status.HOLD, schedule=self.schedule_id)
        by_user: dict[str, list[str]] = {}
        for user, pk in held.order_by("created_at", "seat__number").values_list("user_id", "pk"):
            by_user.setdefault(str(user), []).append(str(pk))
        return by_user


def hall(seats: int) -> list[Block]:
    """A hall of so many seats, in rows of 25 and sections of 20 rows, of several grades."""
    rows = seats // SEATS_IN_ROW
    return [
        Block(
            section=f"{number + 1}",
            rows=min(ROWS_IN_SECTION, rows - start),
            seats_per_row=SEATS_IN_ROW,
            grade=GRADES[number * len(GRADES) * ROWS_IN_SECTION // rows],
            price=50_000 * (1 + number % 3),
        )
        for number, start in enumerate(range(0, rows, ROWS_IN_SECTION))
    ]
