"""What the buyers of a rehearsal do: join, poll, look, hold, pay, and what people do besides."""

import random
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from threading import Barrier, Event, Thread
from typing import Any

from operations.rehearsal.client import Answer, Client, ConnectionLost, Log, RehearsalOver
from operations.rehearsal.stage import PURCHASE_LIMIT, Stage

# A rehearsal must end: nobody waits longer than this to poll, whatever the server says.
MAX_POLL_SECONDS = 5.0
# Every seat is held or sold: a held one may come back.
LOOK_AGAIN_SECONDS = 1.0
MOST_LOOKS = 500
# By then every buyer's thread has started, or something is wrong with this machine.
DOORS_SECONDS = 60.0
PROGRESS_SECONDS = 0.5


class Habit(StrEnum):
    """``PLAIN`` buyers hold and pay."""

    PLAIN = "plain"
    GIVES_UP = "gives up waiting"
    LETS_GO = "holds and lets go"
    PAYS_TWICE = "sends the payment twice"
    TWO_TABS = "holds in two tabs at once"


# Out of ten.
HABITS = {
    Habit.PLAIN: 6,
    Habit.GIVES_UP: 1,
    Habit.LETS_GO: 1,
    Habit.PAYS_TWICE: 1,
    Habit.TWO_TABS: 1,
}


@dataclass
class Crowd:
    """What all buyers share. ``over`` is set when every seat is sold, or at the deadline.

    ``within`` is in seconds: the buyers arrive at random within it, 0 all at once.
    """

    url: str
    stage: Stage
    seed: int
    within: float = 0
    log: Log = field(default_factory=Log)
    over: Event = field(default_factory=Event)
    wrong: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.started = 0.0
        self.buyers = [Buyer(self, number) for number in range(len(self.stage.access))]
        self.doors = Barrier(len(self.buyers), action=self._begin, timeout=DOORS_SECONDS)

    def _begin(self) -> None:
        self.started = time.monotonic()

    @property
    def bought(self) -> int:
        return sum(buyer.bought for buyer in self.buyers)

    @property
    def determined(self) -> int:
        """How many buyers want a seat until they have one or all are sold."""
        fickle = {Habit.GIVES_UP, Habit.LETS_GO}
        return sum(buyer.habit not in fickle for buyer in self.buyers)

    def play(self, *, deadline_seconds: float, progress: Callable[["Crowd"], None]) -> float:
        """All buyers at once, until the last has gone; returns how many seconds it took.

        At the deadline, or when interrupted, everybody ends what was begun and goes.
        """
        threads = [Thread(target=buyer.run, daemon=True) for buyer in self.buyers]
        deadline = time.monotonic() + deadline_seconds
        for thread in threads:
            thread.start()
        try:
            while alive := [thread for thread in threads if thread.is_alive()]:
                if time.monotonic() > deadline and not self.over.is_set():
                    self.wrong.append(f"not over after {deadline_seconds:g} s")
                    self.over.set()
                progress(self)
                alive[0].join(PROGRESS_SECONDS)
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        return time.monotonic() - self.started

    def phases(self) -> Counter[str]:
        return Counter(buyer.phase for buyer in self.buyers)


class Buyer:
    """One person with one telephone. ``phase`` is where they are now, in the end how it ended."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.stage = crowd.stage
        self.random = random.Random(f"{crowd.seed} {number}")
        (self.habit,) = self.random.choices(list(HABITS), list(HABITS.values()))
        self.wanted = self.random.randint(1, PURCHASE_LIMIT)
        self.arrives = self.random.uniform(0, crowd.within)
        self.client = self._new_client(number)
        self.second_tab = self._new_client(number)
        self.token = ""
        self.etag = ""
        self.seats: list[dict[str, Any]] = []
        self.phase = "joining"
        self.bought = 0

    def _new_client(self, number: int) -> Client:
        crowd = self.crowd
        access = crowd.stage.access[number]
        return Client(url=crowd.url, access=access, log=crowd.log, over=crowd.over)

    def run(self) -> None:
        try:
            self.crowd.doors.wait()
            # Whoever comes when all is sold comes all the same.
            time.sleep(self.arrives)
            self.phase = self._visit()
        except ConnectionLost:
            self.phase = "lost the connection"
        except RehearsalOver:
            self.phase = "sent home"
        except Exception as exc:
            # A bug of the rehearsal, or an answer nobody foresaw: either way not a clean run.
            self.crowd.wrong.append(f"a buyer was startled by {type(exc).__name__}: {exc}")
            self.phase = "startled"
        finally:
            self.client.close()
            self.second_tab.close()

    def _visit(self) -> str:
        if not self._join():
            return "refused at the door"
        while (place := self._poll())["status"] == "WAITING":
            if self.habit == Habit.GIVES_UP:
                return self._leave("gave up waiting")
            if self.crowd.over.wait(min(place["poll_after_seconds"], MAX_POLL_SECONDS)):
                return self._leave("heard in the line that it was over")
        if place["status"] != "ACTIVE":
            return "lost the place in the line"
        self.phase = "inside"
        return self._shop()

    def _join(self) -> bool:
        answer = self.client.ask("join", "POST", f"waiting-rooms/{self.stage.slug}/tokens/", {})
        if answer.ok:
            self.token = answer.json["token"]
            self.phase = "waiting"
        return answer.ok

    def _poll(self) -> Any:
        return self.client.ask("poll", "GET", f"queue-tokens/{self.token}/").json

    def _leave(self, ending: str) -> str:
        self.client.ask("leave", "DELETE", f"queue-tokens/{self.token}/")
        return ending

    def _shop(self) -> str:
        for _time in range(MOST_LOOKS):
            if not self._look():
                return "was sent out"
            if self.crowd.over.is_set():
                return self._leave("found it over")
            free = [seat["number"] for seat in self.seats if seat["status"] == "AVAILABLE"]
            held = self._hold(free) if free else []
            if held and self.habit == Habit.LETS_GO:
                return self._let_go(held)
            if held:
                return self._pay(held)
            if not free:
                self.crowd.over.wait(LOOK_AGAIN_SECONDS)
        return self._leave("was tired of looking")

    def _look(self) -> bool:
        """See the seats as they are now; tells everybody when all are sold. False: sent out."""
        path = f"schedules/{self.stage.schedule_id}/seats/"
        headers = {"Queue-Token": self.token, "If-None-Match": self.etag}
        answer = self.client.ask("look", "GET", path, headers=headers)
        if answer.status == 200:
            self.seats = answer.json["seats"]
            self.etag = answer.headers["etag"]
        if answer.ok and all(seat["status"] == "RESERVED" for seat in self.seats):
            self.crowd.over.set()
        return answer.ok

    def _hold(self, free: Sequence[int]) -> list[str]:
        """The ids of the reservations that the buyer now has, none if somebody was faster."""
        if self.habit == Habit.TWO_TABS:
            return self._hold_in_two_tabs(free)
        return self._hold_with(self.client, self._pick(free))

    def _pick(self, free: Sequence[int]) -> list[int]:
        return self.random.sample(list(free), min(self.wanted, len(free)))

    def _hold_in_two_tabs(self, free: Sequence[int]) -> list[str]:
        first, second = self._pick(free), self._pick(free)
        held: list[str] = []
        lost: list[ConnectionLost | RehearsalOver] = []

        def hold_in_the_other() -> None:
            try:
                held.extend(self._hold_with(self.second_tab, second))
            except (ConnectionLost, RehearsalOver) as exc:
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
        path = f"schedules/{self.stage.schedule_id}/reservations/"
        headers = {"Queue-Token": self.token}
        try:
            answer = client.ask("hold", "POST", path, {"seats": numbers}, headers, may_repeat=False)
        except ConnectionLost:
            return self._held_according_to_server(client)
        return [each["id"] for each in answer.json["reservations"]] if answer.ok else []

    def _held_according_to_server(self, client: Client) -> list[str]:
        mine = client.ask("my holds", "GET", "reservations/").json["results"]
        return [each["id"] for each in mine if each["status"] == "HOLD"]

    def _let_go(self, held: Sequence[str]) -> str:
        self.phase = "holding"
        for reservation in held:
            self.client.ask("let go", "DELETE", f"reservations/{reservation}/")
        return self._leave("let go")

    def _pay(self, held: Sequence[str]) -> str:
        self.phase = "holding"
        key = str(uuid.uuid4())
        paid = self._send_payment(held, key)
        if not paid.ok:
            return f"could not pay: {paid.code}"
        self.bought = len(paid.json["tickets"])
        if self.habit == Habit.PAYS_TWICE:
            again = self._send_payment(held, key)
            if (again.status, again.body) != (paid.status, paid.body):
                self.crowd.wrong.append(f"a payment sent twice: {again.status} {again.code}")
        return "bought"

    def _send_payment(self, held: Sequence[str], key: str) -> Answer:
        body = {"reservations": held}
        return self.client.ask("pay", "POST", "payments/", body, {"Idempotency-Key": key})
