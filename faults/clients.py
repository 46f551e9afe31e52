"""The crowd of one round: join, poll, hold, let go, pay, cancel, charge, and ask again."""

import http.client
import itertools
import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Thread
from typing import Any

from django.conf import settings

from faults.history import History, Operation
from operations.rehearsal.client import Client, Log
from operations.rehearsal.stage import PRICE, PURCHASE_LIMIT, Stage

# How often and how long a client tries.
ATTEMPTS = 40
MOST_HOLDS = 6
PAUSE_SECONDS = 0.25
PATIENCE_SECONDS = 8.0


@dataclass(frozen=True)
class Manners:
    """How a crowd behaves. Shares are of 1.

    ``hasty`` requests are given up after some milliseconds, and sent again; ``clicks`` is how
    often a button is pressed at once, one of these; ``absent`` buyers let their holds run out,
    ``late`` ones send the payment as the hold runs out; ``favourites`` are the seats that everybody
    wants, 0 for no such thing.
    """

    buyers: int = 16
    seats: int = 24
    capacity: int = 10
    hasty: float = 0.03
    clicks: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 1, 2)
    absent: float = 0.05
    late: float = 0.05
    favourites: int = 0


@dataclass
class Crowd:
    """``ports`` are the web servers, which everybody asks in turns."""

    stage: Stage
    users: list[str]
    seed: int
    manners: Manners
    ports: list[int]
    history: History = field(default_factory=History)
    log: Log = field(default_factory=Log)
    over: Event = field(default_factory=Event)
    startled: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        self.buyers = [Buyer(self, number) for number in range(self.manners.buyers)]
        self.threads = [Thread(target=buyer.run, daemon=True) for buyer in self.buyers]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def finish(self, seconds: float) -> None:
        """Everybody ends what was begun, and goes."""
        self.over.set()
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        late = sum(thread.is_alive() for thread in self.threads)
        if late:
            self.startled.append(f"{late} clients do not come to an end")

    def now(self) -> float:
        return time.monotonic() - self.began


class Phone:
    """One client's way to the servers; writes down every request."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.user = crowd.users[number]
        self.access = crowd.stage.access[number]
        self.turns = itertools.count(number)
        self.clients: dict[int, Client] = {}

    def _client(self) -> Client:
        port = self._next_port()
        if port not in self.clients:
            self.clients[port] = self.new_client(port=port)
        return self.clients[port]

    def _next_port(self) -> int:
        ports = self.crowd.ports
        return ports[next(self.turns) % len(ports)]

    def new_client(self, *, timeout: float = 0, port: int = 0) -> Client:
        crowd = self.crowd
        return Client(
            url=f"http://127.0.0.1:{port or self._next_port()}",
            access=self.access,
            log=crowd.log,
            over=crowd.over,
            timeout=timeout or PATIENCE_SECONDS,
        )

    def close(self) -> None:
        for client in self.clients.values():
            client.close()

    def ask(
        self,
        kind: str,
        method: str,
        path: str,
        body: object = None,
        *,
        about: Sequence[Any] = (),
        key: str = "",
        token: str = "",
        client: Client | None = None,
    ) -> Operation:
        """One attempt, in the history whatever comes of it."""
        headers = {"Idempotency-Key": key} if key else {}
        if token:
            headers["Queue-Token"] = token
        client = client or self._client()
        started = self.crowd.now()
        facts: dict[str, Any] = {}
        try:
            answer = client.send(kind, method, path, body, headers)
        except (OSError, http.client.HTTPException):
            client.close()
        else:
            facts = {
                "status": answer.status,
                "code": answer.code,
                "retry_after": answer.headers.get("retry-after", ""),
                "body": answer.body,
            }
        ended = self.crowd.now()
        operation = Operation(kind, self.user, started, ended, tuple(about), key, **facts)
        self.crowd.history.operations.append(operation)
        return operation


Send = Callable[[str, Client | None], Operation]


class Buyer:
    """One person, who comes again and again until it is over."""

    def __init__(self, crowd: Crowd, number: int) -> None:
        self.crowd = crowd
        self.manners = crowd.manners
        self.random = random.Random(f"{crowd.seed} {number}")
        self.phone = Phone(crowd, number)
        self.token = ""
        self.tickets: list[str] = []

    def run(self) -> None:
        try:
            while not self.crowd.over.is_set():
                self._visit()
        except Exception as exc:
            # A bug of this harness, or an answer nobody foresaw: either way not a clean round.
            self.crowd.startled.append(f"a client was startled by {type(exc).__name__}: {exc}")
        finally:
            self.phone.close()

    # --- The line --------------------------------------------------------------------------------

    def _visit(self) -> None:
        if self._chance(0.2):
            self._charge()
        if not self._join():
            return
        for _turn in range(self.random.randint(1, MOST_HOLDS)):
            if not self._is_inside() or self.crowd.over.is_set():
                break
            if self._shop():
                return
        self._leave()

    def _join(self) -> bool:
        path = f"waiting-rooms/{self.crowd.stage.slug}/tokens/"
        joined = self._press(lambda _key, client: self._post("join", path, client=client))
        if not joined.ok:
            self._pause()
            return False
        self.token = joined.json["token"]
        return True

    def _is_inside(self) -> bool:
        """Wait for our turn. False when it is all over."""
        while not self.crowd.over.is_set():
            place = self.phone.ask("poll", "GET", f"queue-tokens/{self.token}/")
            if place.ok and place.json["status"] != "WAITING":
                return bool(place.json["status"] == "ACTIVE")
            self._pause()
        return False

    def _leave(self) -> None:
        path = f"queue-tokens/{self.token}/"
        self.phone.ask("leave", "DELETE", path, about=[self.token])

    # --- Seats and money -------------------------------------------------------------------------

    def _shop(self) -> bool:
        """Hold, and then what people do. True when that was the end of our admission."""
        if len(self.tickets) >= PURCHASE_LIMIT:
            self._cancel(self.tickets.pop())
        held = self._hold(self._wanted())
        if not held:
            self._pause()
            return False
        if self._chance(0.1):
            self._let_go(held)
            return False
        if self._chance(self.manners.absent):
            return False
        paid = self._pay(held)
        if paid.ok:
            self.tickets += [ticket["id"] for ticket in paid.json["tickets"]]
            if self._chance(0.5):
                self._cancel(self.tickets.pop())
        return paid.ok

    def _wanted(self) -> list[int]:
        """Seats in an order of our own, so that two who want the same lock them crosswise."""
        seats = range(1, 1 + (self.manners.favourites or self.crowd.stage.seats))
        most = PURCHASE_LIMIT - len(self.tickets)
        return self.random.sample(seats, self.random.randint(1, most))

    def _hold(self, numbers: list[int]) -> list[str]:
        path = f"schedules/{self.crowd.stage.schedule_id}/reservations/"

        def send(_key: str, client: Client | None) -> Operation:
            body = {"seats": numbers}
            return self._post("hold", path, body, about=numbers, client=client)

        held = self._press(send)
        if held.unknown:
            return self._held_according_to_server()
        if held.code == "purchase_limit_exceeded":
            self.tickets = self._tickets_according_to_server()
        if not held.ok:
            return []
        self.held_at = held.ended
        return [each["id"] for each in held.json["reservations"]]

    def _held_according_to_server(self) -> list[str]:
        self.held_at = self.crowd.now()
        return self._mine("reservations/", status="HOLD")

    def _tickets_according_to_server(self) -> list[str]:
        return self._mine("tickets/", status="ISSUED")

    def _mine(self, path: str, *, status: str) -> list[str]:
        mine = self.phone.ask("look", "GET", path)
        rows = mine.json["results"] if mine.ok else []
        return [each["id"] for each in rows if each["status"] == status]

    def _let_go(self, held: Sequence[str]) -> None:
        for reservation in held:
            path = f"reservations/{reservation}/"
            self.phone.ask("release", "DELETE", path, about=[reservation])

    def _pay(self, held: Sequence[str]) -> Operation:
        if self._chance(self.manners.late):
            self._wait_until_nearly_too_late()

        def send(key: str, client: Client | None) -> Operation:
            body = {"reservations": held}
            return self._post("pay", "payments/", body, about=held, key=key, client=client)

        paid = self._insist(send)
        if paid.code == "insufficient_balance" and self._charge():
            return self._insist(send)
        return paid

    def _wait_until_nearly_too_late(self) -> None:
        ends = self.held_at + settings.HOLD_SECONDS
        time.sleep(max(0.0, ends + self.random.uniform(-0.2, 0.1) - self.crowd.now()))

    def _cancel(self, ticket: str) -> None:
        path = f"tickets/{ticket}/cancel/"
        self._insist(
            lambda key, client: self._post("cancel", path, about=[ticket], key=key, client=client)
        )

    def _charge(self) -> bool:
        amount = PRICE * self.random.randint(1, 4)

        def send(key: str, client: Client | None) -> Operation:
            body = {"amount": amount}
            return self._post(
                "charge", "me/balance/charges/", body, about=[amount], key=key, client=client
            )

        if self._chance(0.2):
            return send("", None).ok
        # Under another key it would be another charge, and that is not what anybody wants.
        return self._insist(send, new_keys=False).ok

    # --- Asking ----------------------------------------------------------------------------------

    def _post(self, kind: str, path: str, body: object = None, **details: Any) -> Operation:
        token = self.token if kind == "hold" else ""
        return self.phone.ask(
            kind, "POST", path, {} if body is None else body, token=token, **details
        )

    def _insist(self, send: Send, *, new_keys: bool = True) -> Operation:
        """Ask until there is an answer, mostly under the same key; now and then give up."""
        key = self._new_key()
        answer = self._press(send, key)
        for _attempt in range(ATTEMPTS):
            if not answer.unknown and answer.code != "idempotency_in_flight":
                break
            if self._chance(0.02):
                break
            if new_keys and self._chance(0.1):
                key = self._new_key()
            self._pause()
            answer = send(key, None)
        return answer

    def _press(self, send: Send, key: str = "") -> Operation:
        """Send once, or as often at once as somebody clicks; or without the patience to wait."""
        if self._chance(self.manners.hasty):
            impatient = self.phone.new_client(timeout=self.random.uniform(0.002, 0.05))
            return send(key, impatient)
        times = self.random.choice(self.manners.clicks)
        return send(key, None) if times == 1 else self._press_at_once(send, key, times)

    def _press_at_once(self, send: Send, key: str, times: int) -> Operation:
        """Half of them in this tab, half in others, which have keys of their own."""
        keys = [key if number % 2 == 0 else key and self._new_key() for number in range(times)]
        answers: list[Operation] = []

        def click(key: str) -> None:
            client = self.phone.new_client()
            answers.append(send(key, client))
            client.close()

        fingers = [Thread(target=click, args=[key], daemon=True) for key in keys]
        for finger in fingers:
            finger.start()
        for finger in fingers:
            finger.join()
        return min(answers, key=lambda each: (not each.ok, not each.unknown, each.key != key))

    def _new_key(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _pause(self) -> None:
        time.sleep(PAUSE_SECONDS * self.random.uniform(0.5, 1.5))
