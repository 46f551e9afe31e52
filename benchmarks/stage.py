"""A sale to measure: buyers with money who are let in, and enough seats."""

import datetime as dt
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from accounts.gateway import GatewayAnswer
from accounts.models import Charge, User
from accounts.services.charges import settle_charge
from benchmarks.load import request
from concerts.models import Concert, ConcertSchedule
from concerts.services.seat_generation import Block, generate_seats
from payments.models import Reservation
from queueing.models import QueueToken, WaitingRoom
from queueing.services import index
from queueing.services.places import join

MONEY = 9_000_000
PRICE = 100
API = "/api/v1"


@dataclass(frozen=True)
class Buyer:
    user: User
    access: str
    token: uuid.UUID


class Stage:
    """One schedule of ``seats`` seats and ``buyers`` people inside its room."""

    def __init__(self, *, buyers: int, seats: int) -> None:
        self.room = WaitingRoom.objects.create(
            title="Benchmark",
            slug=f"benchmark-{uuid.uuid4().hex[:8]}",
            state=WaitingRoom.State.OPEN,
            capacity=1_000_000,
            admit_per_minute=1_000_000,
            active_seconds=86_400,
        )
        # As the beat does it, which does not run here.
        index.build(self.room)
        self.schedule = self._schedule(seats)
        self.buyers = [self._buyer(number) for number in range(buyers)]
        # As the yardstick begins; and what is planned for empty tables must do for full ones.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")

    def _schedule(self, seats: int) -> ConcertSchedule:
        now = timezone.now()
        day = dt.timedelta(days=1)
        concert = Concert.objects.create(
            title="Benchmark", start_time=now, end_time=now + 9 * day, waiting_room=self.room
        )
        schedule = ConcertSchedule.objects.create(
            concert=concert,
            price=PRICE,
            purchase_limit=200,
            reserve_from=now - day,
            reserve_until=now + 7 * day,
            start_at=now + 8 * day,
            end_at=now + 9 * day,
        )
        block = Block(section="1", rows=1, seats_per_row=seats, grade="R", price=PRICE)
        generate_seats(schedule_id=schedule.pk, blocks=[block])
        return schedule

    def _buyer(self, number: int) -> Buyer:
        user = User(email=f"{number}-{self.room.slug}@benchmark.invalid", name="Benchmark")
        user.set_unusable_password()
        user.save()
        charge = Charge.objects.create(user=user, amount=MONEY)
        settle_charge(charge_id=charge.pk, answer=GatewayAnswer(approved=True))
        place, _joined = join(user=user, slug=self.room.slug)
        return Buyer(user, issue_tokens(user).access, place.token)

    def holds(self, numbers: Sequence[int], *, seats_each: int) -> list[bytes]:
        """Requests that hold these seats, ``seats_each`` at a time, buyer after buyer."""
        path = f"{API}/schedules/{self.schedule.pk}/reservations/"
        requests = []
        for turn, start in enumerate(range(0, len(numbers), seats_each)):
            buyer = self.buyers[turn % len(self.buyers)]
            body = json.dumps({"seats": list(numbers[start : start + seats_each])}).encode()
            headers = {"Queue_Token": str(buyer.token)}
            requests.append(request("POST", path, token=buyer.access, body=body, **headers))
        return requests

    def payments(self, *, seats_each: int) -> list[bytes]:
        """Requests that pay whatever is held, ``seats_each`` reservations at a time."""
        access = {buyer.user.pk: buyer.access for buyer in self.buyers}
        held = Reservation.objects.filter(status=Reservation.Status.HOLD, schedule=self.schedule)
        by_user: dict[uuid.UUID, list[str]] = {}
        for user, pk in held.order_by("created_at", "seat__number").values_list("user_id", "pk"):
            by_user.setdefault(user, []).append(str(pk))
        baskets = [
            (start, user, ids[start : start + seats_each])
            for user, ids in by_user.items()
            for start in range(0, len(ids), seats_each)
        ]
        baskets.sort(key=lambda basket: basket[0])  # every buyer's first basket, then the second
        return [
            request(
                "POST",
                f"{API}/payments/",
                token=access[user],
                body=json.dumps({"reservations": ids}).encode(),
                Idempotency_Key=str(uuid.uuid4()),
            )
            for _start, user, ids in baskets
        ]

    def reopen(self) -> None:
        """Let everybody in again: who has paid for their last seat has left the room."""
        QueueToken.objects.filter(room=self.room).update(status=QueueToken.Status.EXPIRED)
        index.build(self.room)
        self.buyers = [
            Buyer(buyer.user, buyer.access, self._join(buyer.user)) for buyer in self.buyers
        ]

    def _join(self, user: User) -> uuid.UUID:
        place, _joined = join(user=user, slug=self.room.slug)
        return place.token
