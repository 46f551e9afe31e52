"""What the buyers of a rehearsal do: join, poll, look, hold, pay, and what people do besides."""

import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from enum import StrEnum
from threading import Barrier, Thread
from typing import Any

from operations.load import api_requests, buyers
from operations.load.client import Client, ConnectionLost, RunEnded
from operations.load.fixtures import TERMS, Sale
from operations.load.recorder import Operation

# A rehearsal must end: no buyer waits longer than this to poll, whatever the server says.
MAX_POLL_SECONDS = 5.0
# Every seat is held or sold: a held one may come back.
LOOK_AGAIN_SECONDS = 1.0
MOST_LOOKS = 500
# By then every buyer's thread has started, or something is wrong with this machine.
START_SECONDS = 60.0
PROGRESS_SECONDS = 0.5


class Habit(StrEnum):
    """``PLAIN`` buyers hold and pay."""

    PLAIN = "plain"
    GIVES_UP = "gives up waiting"
    RELEASES = "holds and releases"
    PAYS_TWICE = "sends the payment twice"
    TWO_TABS = "holds in two tabs at once"


# Out of ten.
HABITS = {
    Habit.PLAIN: 6,
    Habit.GIVES_UP: 1,
    Habit.RELEASES: 1,
    Habit.PAYS_TWICE: 1,
    Habit.TWO_TABS: 1,
}


class Population(buyers.Population["Buyer"]):
    """``over`` is set when every seat is sold, or at the deadline.

    ``within`` is in seconds: the buyers arrive at random within it, 0 all at once.
    """

    def __init__(self, url: str, sale: Sale, *, seed: int, within: float = 0) -> None:
        super().__init__(sale, seed=seed)
        self.url = url
        self.within = within
        self.started = 0.0
        self.buyers = [Buyer(self, number) for number in range(len(sale.accounts))]
        self.all_started = Barrier(len(self.buyers), action=self._begin, timeout=START_SECONDS)

    def _begin(self) -> None:
        self.started = time.monotonic()

    @property
    def bought(self) -> int:
        return sum(buyer.bought for buyer in self.buyers)

    @property
    def determined(self) -> int:
        """How many buyers want a seat until they have one or all are sold."""
        fickle = {Habit.GIVES_UP, Habit.RELEASES}
        return sum(buyer.habit not in fickle for buyer in self.buyers)

    def play(self, *, deadline_seconds: float, progress: Callable[["Population"], None]) -> float:
        """All buyers at once, until the last has gone; returns how many seconds it took.

        At the deadline, or when interrupted, all buyers end what they began and go.
        """
        deadline = time.monotonic() + deadline_seconds
        self.start()
        try:
            while running := self.still_running():
                if time.monotonic() > deadline and not self.over.is_set():
                    self.wrong.append(f"not over after {deadline_seconds:g} s")
                    self.over.set()
                progress(self)
                running[0].join(PROGRESS_SECONDS)
        finally:
            self.finish()
        return time.monotonic() - self.started

    def phases(self) -> Counter[str]:
        return Counter(buyer.phase for buyer in self.buyers)


class Buyer(buyers.Buyer):
    """One person with one telephone."""

    population: Population

    def __init__(self, population: Population, number: int) -> None:
        super().__init__(population, number)
        (self.habit,) = self.random.choices(list(HABITS), list(HABITS.values()))
        self.wanted = self.random.randint(1, TERMS.purchase_limit)
        self.arrives = self.random.uniform(0, population.within)
        self.client = population.new_client(population.url, self.account)
        self.second_tab = population.new_client(population.url, self.account)
        self.etag = ""
        self.seats: list[dict[str, Any]] = []
        self.bought = 0

    def close(self) -> None:
        self.client.close()
        self.second_tab.close()

    def visit(self) -> None:
        self.population.all_started.wait()
        # Also when all is sold by then.
        time.sleep(self.arrives)
        try:
            self.phase = self._join_and_shop()
        except ConnectionLost:
            self.phase = "lost the connection"
        except RunEnded:
            self.phase = "sent home"

    def _join_and_shop(self) -> str:
        if not self._join():
            return "refused at the gate"
        while (place := self._poll())["status"] == "WAITING":
            if self.habit == Habit.GIVES_UP:
                return self._leave("gave up waiting")
            if self.population.over.wait(min(place["poll_after_seconds"], MAX_POLL_SECONDS)):
                return self._leave("heard in the line that it was over")
        if place["status"] != "ACTIVE":
            return "lost the place in the line"
        self.phase = "inside"
        return self._shop()

    def _join(self) -> bool:
        answer = self.client.ask(api_requests.join(self.sale.slug))
        if answer.ok:
            self.token = answer.json["token"]
            self.phase = "waiting"
        return answer.ok

    def _poll(self) -> Any:
        return self.client.ask(api_requests.poll(self.token)).json

    def _leave(self, ending: str) -> str:
        self.client.ask(api_requests.leave(self.token))
        return ending

    def _shop(self) -> str:
        for _time in range(MOST_LOOKS):
            if not self._look():
                return "was sent out"
            if self.population.over.is_set():
                return self._leave("found it over")
            free = [seat["number"] for seat in self.seats if seat["status"] == "AVAILABLE"]
            held = self._hold(free) if free else []
            if held and self.habit == Habit.RELEASES:
                return self._release(held)
            if held:
                return self._pay(held)
            if not free:
                self.population.over.wait(LOOK_AGAIN_SECONDS)
        return self._leave("was tired of looking")

    def _look(self) -> bool:
        """See the seats as they are now; ends the run when all are sold. False: sent out."""
        look = api_requests.see_seats(self.sale.schedule_id, queue_token=self.token, etag=self.etag)
        answer = self.client.ask(look)
        if answer.status == 200:
            self.seats = answer.json["seats"]
            self.etag = answer.headers["etag"]
        if answer.ok and all(seat["status"] == "RESERVED" for seat in self.seats):
            self.population.over.set()
        return answer.ok

    def _hold(self, free: Sequence[int]) -> list[str]:
        """The ids of the reservations that the buyer now has, none if another was faster."""
        if self.habit == Habit.TWO_TABS:
            return self._hold_in_two_tabs(free)
        return self._hold_with(self.client, self._pick(free))

    def _pick(self, free: Sequence[int]) -> list[int]:
        return self.random.sample(list(free), min(self.wanted, len(free)))

    def _hold_in_two_tabs(self, free: Sequence[int]) -> list[str]:
        first, second = self._pick(free), self._pick(free)
        held: list[str] = []
        lost: list[ConnectionLost | RunEnded] = []

        def hold_in_the_other() -> None:
            try:
                held.extend(self._hold_with(self.second_tab, second))
            except (ConnectionLost, RunEnded) as exc:
                lost.append(exc)

        other = Thread(target=hold_in_the_other, daemon=True)
        other.start()
        try:
            mine = self._hold_with(self.client, first)
        finally:
            other.join()
        if lost:
            raise lost[0]
        # A tab that asked after a lost connection may have seen the other's as well.
        return sorted({*mine, *held})

    def _hold_with(self, client: Client, numbers: Sequence[int]) -> list[str]:
        wanted = api_requests.hold(self.sale.schedule_id, numbers, queue_token=self.token)
        try:
            answer = client.ask(wanted, may_repeat=False)
        except ConnectionLost:
            return self._held_according_to_server(client)
        return [each["id"] for each in answer.json["reservations"]] if answer.ok else []

    def _held_according_to_server(self, client: Client) -> list[str]:
        mine = client.ask(api_requests.see_reservations()).json["results"]
        return [each["id"] for each in mine if each["status"] == "HOLD"]

    def _release(self, held: Sequence[str]) -> str:
        self.phase = "holding"
        for reservation in held:
            self.client.ask(api_requests.release(reservation))
        return self._leave("released")

    def _pay(self, held: Sequence[str]) -> str:
        self.phase = "holding"
        payment = api_requests.pay(held).under(str(uuid.uuid4()))
        paid = self.client.ask(payment)
        if not paid.ok:
            return f"could not pay: {paid.code}"
        self.bought = len(paid.json["tickets"])
        if self.habit == Habit.PAYS_TWICE:
            self._expect_the_same(paid, self.client.ask(payment))
        return "bought"

    def _expect_the_same(self, paid: Operation, again: Operation) -> None:
        if (again.status, again.body) != (paid.status, paid.body):
            self.population.wrong.append(f"a payment sent twice: {again.status} {again.code}")
