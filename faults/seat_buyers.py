"""Buyers who look at the seat map after each commit of their own, and keep pictures of it."""

import contextlib
import random
import uuid
from collections.abc import Iterator, Mapping
from threading import Event, Lock

from django.conf import settings

from faults import buyers
from faults.buyers import Manners
from faults.own_seats import OwnSeats
from operations.load import api_requests
from operations.load.fixtures import Sale, Terms
from operations.load.recorder import Operation
from operations.load.seat_picture import DIGITS, SeatPicture

FREE, HELD = "0", "1"
MOST_TICKETS = 2
MOST_SEATS = 3
# Above what a buyer ever has: the admission ends with the last seat of the limit.
TERMS = Terms(
    price=1_000,
    purchase_limit=MOST_TICKETS + MOST_SEATS + 1,
    cooldown_seconds=2,
    admit_per_minute=1_000_000,
    active_seconds=86_400,
)


class Population(buyers.Population):
    """Buyers who can be stopped for a moment, so that nothing happens."""

    def __init__(self, sale: Sale, port: int, *, seed: int) -> None:
        count = len(sale.accounts)
        manners = Manners(buyers=count, seats=sale.seats, hasty=0, clicks=(1,), late=0)
        super().__init__(sale, manners, [port], seed=seed)
        self.watchers = [SeatBuyer(self, number) for number in range(count)]
        self.buyers = self.watchers
        self.busy = Event()
        self.busy.set()
        self.looks = self.commits = 0

    @contextlib.contextmanager
    def quiet(self) -> Iterator[None]:
        """Every buyer has ended what it began, and begins nothing."""
        self.busy.clear()
        for buyer in self.watchers:
            buyer.acting.acquire()
        try:
            yield
        finally:
            for buyer in self.watchers:
                buyer.acting.release()
            self.busy.set()


class SeatBuyer(buyers.Buyer):
    """``shown`` is what seats/changes/ has told, a digit by number."""

    population: Population

    def __init__(self, population: Population, number: int) -> None:
        super().__init__(population, number)
        self.random = random.Random(f"{population.seed} seats {number}")
        self.acting = Lock()
        self.own = OwnSeats()
        self.picture = SeatPicture(self.sale.schedule_id)
        self.shown: dict[int, str] = {}
        self.cursor = ""

    def visit(self) -> None:
        while not self.population.over.is_set():
            if self.population.busy.wait(0.2):
                with self.acting:
                    if self.enter():
                        self._act()
                        # When all are quiet, all can look.
                        self.enter()

    def _act(self) -> None:
        self.look()
        held = self._hold_some()
        if held and self._chance(0.4):
            self._give_back(held)
        elif held and self._chance(0.8):
            self._buy(held)
        else:
            # Holds may run out, too.
            self._pause()
        if len(self.own.bought) >= MOST_TICKETS:
            self._cancel_one()

    def enter(self) -> bool:
        """Be inside, again after the last payment ended the admission."""
        if not self.token and self._join() and not self._is_admitted():
            self.token = ""
        return bool(self.token)

    def _is_admitted(self) -> bool:
        for _attempt in range(buyers.ATTEMPTS):
            place = self.send(api_requests.poll(self.token))
            if place.ok and place.json["status"] != "WAITING":
                return bool(place.json["status"] == "ACTIVE")
            self._pause()
        return False

    # --- Commits, each of which is looked for ----------------------------------------------------

    def _hold_some(self) -> Mapping[str, int]:
        """The seats that are held, by reservation."""
        count = min(MOST_SEATS - len(self.own.held), self.random.randint(1, MOST_SEATS))
        if count < 1:
            return {}
        free = [number for number, state in self.picture.by_number.items() if state == FREE]
        everything = range(1, 1 + self.sale.seats)
        wanted = self.random.sample(free if len(free) > count else everything, count)
        schedule_id = self.sale.schedule_id
        answer = self.send(api_requests.hold(schedule_id, wanted, queue_token=self.token))
        if answer.unknown:
            self.own.doubt(wanted, now=answer.ended)
        if answer.code == "queue_not_admitted":
            self.token = ""
        if not answer.ok:
            return {}
        self.own.hold(wanted, until=answer.started + settings.HOLD_SECONDS)
        self._look_after_commit()
        return {each["id"]: each["seat"] for each in answer.json["reservations"]}

    def _give_back(self, held: Mapping[str, int]) -> None:
        for reservation, number in held.items():
            answer = self.send(api_requests.release(reservation))
            if answer.ok:
                self.own.give_back([number])
            else:
                self.own.doubt([number], now=answer.ended)
        self._look_after_commit()

    def _buy(self, held: Mapping[str, int]) -> None:
        if len(held) == len(self.own.held) > 1:
            # With a payment for the last of them the admission would end, and looking with it.
            held = dict(list(held.items())[1:])
        answer = self.send(api_requests.pay(list(held)).under(str(uuid.uuid4())))
        if answer.code == "insufficient_balance":
            self._charge()
        if not answer.ok:
            self.own.doubt(held.values(), now=answer.ended)
            return
        self.own.buy({each["id"]: each["seat_number"] for each in answer.json["tickets"]})
        self._look_after_commit()

    def _cancel_one(self) -> None:
        ticket = self.random.choice(list(self.own.bought))
        self.send(api_requests.cancel(ticket).under(str(uuid.uuid4())))
        # Cancelled or not: another may have bought the seat since.
        del self.own.bought[ticket]
        self._look_after_commit()

    # --- Looks -----------------------------------------------------------------------------------

    def _look_after_commit(self) -> None:
        self.population.commits += 1
        self.look()
        if self._chance(0.2):
            self.look_at_changes()

    def look(self, *, from_scratch: bool = False) -> bool:
        """Bring the picture up to date, and judge it. False without an answer."""
        since = "" if from_scratch else self.picture.cursor
        answer = self.send(
            api_requests.see_states(self.sale.schedule_id, queue_token=self.token, since=since)
        )
        if not self._is_shown(answer):
            return False
        if from_scratch:
            self.picture = SeatPicture(self.sale.schedule_id)
        self.picture.apply(answer.json)
        self._judge(answer, self.picture.my_numbers, self.picture.by_number)
        return True

    def look_at_changes(self) -> bool:
        """The same by seats/changes/, which does not say what is the buyer's."""
        answer = self.send(
            api_requests.see_changes(
                self.sale.schedule_id, queue_token=self.token, since=self.cursor
            )
        )
        if not self._is_shown(answer):
            return False
        self.cursor = answer.json["cursor"]
        self.shown |= {each["number"]: DIGITS[each["status"]] for each in answer.json["seats"]}
        held = [number for number in self.own.held if self.shown.get(number) == HELD]
        self._judge(answer, held, self.shown)
        return True

    def _is_shown(self, answer: Operation) -> bool:
        self.population.looks += 1
        if answer.code == "queue_not_admitted":
            self.token = ""
        return answer.ok

    def _judge(self, answer: Operation, mine: list[int], states: Mapping[int, str]) -> None:
        for wrong in self.own.wrongs(mine, states, started=answer.started, ended=answer.ended):
            self.population.wrong.append(
                f"{answer.kind} at {answer.started:.3f}, user {self.account.user_id[:8]}: {wrong}"
            )

    def send(self, request: api_requests.Request) -> Operation:
        return self.clients.send(request)
