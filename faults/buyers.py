"""The buyers of one round: join, poll, hold, release, pay, cancel, charge, and ask again.

Unlike a rehearsal's they never end: each visits again and again, at whatever servers are left, and
sends single attempts of which the record keeps what came of them.
"""

import itertools
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from threading import Thread

from django.conf import settings

from operations.load import api_requests, buyers
from operations.load.api_requests import Request
from operations.load.client import Account, Client
from operations.load.fixtures import TERMS, Sale
from operations.load.recorder import Operation

# How often and how long a buyer tries.
ATTEMPTS = 40
MOST_HOLDS = 6
PAUSE_SECONDS = 0.25
PATIENCE_SECONDS = 8.0


@dataclass(frozen=True)
class Manners:
    """How the buyers behave. Shares are of 1.

    ``hasty`` requests are given up after some milliseconds, and sent again; ``clicks`` is how
    often a button is pressed at once, one of these; ``absent`` buyers let their holds run out,
    ``late`` ones send the payment as the hold runs out; ``favourites`` is how many seats all buyers
    want, 0 for all.
    """

    buyers: int = 16
    seats: int = 24
    capacity: int = 10
    hasty: float = 0.03
    clicks: tuple[int, ...] = (1, 1, 1, 1, 1, 1, 1, 2)
    absent: float = 0.05
    late: float = 0.05
    favourites: int = 0


class Population(buyers.Population["Buyer"]):
    """``ports`` are the web servers, which all buyers ask in turns.

    The last account of the sale has no buyer: it is left for the canary.
    """

    def __init__(self, sale: Sale, manners: Manners, ports: list[int], *, seed: int) -> None:
        super().__init__(sale, seed=seed)
        self.manners = manners
        self.ports = ports
        self.buyers = [Buyer(self, number) for number in range(manners.buyers)]


class Clients:
    """One account's connections, one to each web server."""

    def __init__(self, population: Population, account: Account, *, first: int = 0) -> None:
        self.population = population
        self.account = account
        self.turns = itertools.count(first)
        self.open: dict[int, Client] = {}

    def send(self, request: Request) -> Operation:
        """One attempt, at the web server whose turn it is."""
        port = self._next_port()
        if port not in self.open:
            self.open[port] = self._new_client(port, PATIENCE_SECONDS)
        return self.open[port].send(request)

    def send_apart(self, request: Request, *, timeout: float = PATIENCE_SECONDS) -> Operation:
        """One attempt on a connection of its own; ``timeout`` in seconds."""
        client = self._new_client(self._next_port(), timeout)
        try:
            return client.send(request)
        finally:
            client.close()

    def _next_port(self) -> int:
        ports = self.population.ports
        return ports[next(self.turns) % len(ports)]

    def _new_client(self, port: int, timeout: float) -> Client:
        return self.population.new_client(f"http://127.0.0.1:{port}", self.account, timeout=timeout)

    def close(self) -> None:
        for client in self.open.values():
            client.close()


class Buyer(buyers.Buyer):
    """One person, who comes again and again until it is over."""

    population: Population

    def __init__(self, population: Population, number: int) -> None:
        super().__init__(population, number)
        self.manners = population.manners
        self.clients = Clients(population, self.account, first=number)
        self.tickets: list[str] = []
        self.held_at = 0.0

    def visit(self) -> None:
        while not self.population.over.is_set():
            self._visit_once()

    def close(self) -> None:
        self.clients.close()

    # --- The line --------------------------------------------------------------------------------

    def _visit_once(self) -> None:
        if self._chance(0.2):
            self._charge()
        if not self._join():
            return
        for _turn in range(self.random.randint(1, MOST_HOLDS)):
            if not self._is_inside() or self.population.over.is_set():
                break
            if self._shop():
                return
        self.clients.send(api_requests.leave(self.token))

    def _join(self) -> bool:
        joined = self._press(api_requests.join(self.sale.slug))
        if not joined.ok:
            self._pause()
            return False
        self.token = joined.json["token"]
        return True

    def _is_inside(self) -> bool:
        """Wait for our turn. False when it is all over."""
        while not self.population.over.is_set():
            place = self.clients.send(api_requests.poll(self.token))
            if place.ok and place.json["status"] != "WAITING":
                return bool(place.json["status"] == "ACTIVE")
            self._pause()
        return False

    # --- Seats and money -------------------------------------------------------------------------

    def _shop(self) -> bool:
        """Hold, and then what people do. True when that was the end of our admission."""
        if len(self.tickets) >= TERMS.purchase_limit:
            self._insist(api_requests.cancel(self.tickets.pop()))
        held = self._hold(self._wanted())
        if not held:
            self._pause()
            return False
        if self._chance(0.1):
            self._release(held)
            return False
        if self._chance(self.manners.absent):
            # Who left the room instead would release the seats.
            self.population.over.wait(settings.HOLD_SECONDS + PAUSE_SECONDS)
            return False
        paid = self._pay(held)
        if paid.ok:
            self.tickets += [ticket["id"] for ticket in paid.json["tickets"]]
            if self._chance(0.5):
                self._insist(api_requests.cancel(self.tickets.pop()))
        return paid.ok

    def _wanted(self) -> list[int]:
        """Seats in a random order, so that two buyers of the same seats lock them crosswise."""
        seats = range(1, 1 + (self.manners.favourites or self.sale.seats))
        most = TERMS.purchase_limit - len(self.tickets)
        return self.random.sample(seats, self.random.randint(1, most))

    def _hold(self, numbers: list[int]) -> list[str]:
        wanted = api_requests.hold(self.sale.schedule_id, numbers, queue_token=self.token)
        held = self._press(wanted)
        if held.unknown:
            self.held_at = self.population.recorder.now()
            return self._mine(api_requests.see_reservations(), status="HOLD")
        if held.code == "purchase_limit_exceeded":
            self.tickets = self._mine(api_requests.see_tickets(), status="ISSUED")
        if not held.ok:
            return []
        self.held_at = held.ended
        return [each["id"] for each in held.json["reservations"]]

    def _mine(self, request: Request, *, status: str) -> list[str]:
        """What the buyer has according to the server."""
        mine = self.clients.send(request)
        rows = mine.json["results"] if mine.ok else []
        return [each["id"] for each in rows if each["status"] == status]

    def _release(self, held: Sequence[str]) -> None:
        for reservation in held:
            self.clients.send(api_requests.release(reservation))

    def _pay(self, held: Sequence[str]) -> Operation:
        if self._chance(self.manners.late):
            self._wait_until_nearly_too_late()
        paid = self._insist(api_requests.pay(held))
        if paid.code == "insufficient_balance" and self._charge():
            return self._insist(api_requests.pay(held))
        return paid

    def _wait_until_nearly_too_late(self) -> None:
        ends = self.held_at + settings.HOLD_SECONDS
        now = self.population.recorder.now()
        time.sleep(max(0.0, ends + self.random.uniform(-0.2, 0.1) - now))

    def _charge(self) -> bool:
        charge = api_requests.charge(TERMS.price * self.random.randint(1, 4))
        if self._chance(0.2):
            return self.clients.send(charge).ok
        # Under another key it would be another charge, which the buyer does not want.
        return self._insist(charge, new_keys=False).ok

    # --- Asking ----------------------------------------------------------------------------------

    def _insist(self, request: Request, *, new_keys: bool = True) -> Operation:
        """Ask until there is an answer, mostly under the same key; now and then give up."""
        request = request.under(self._new_key())
        answer = self._press(request)
        for _attempt in range(ATTEMPTS):
            if not answer.unknown and answer.code != "idempotency_in_flight":
                break
            if self._chance(0.02):
                break
            if new_keys and self._chance(0.1):
                request = request.under(self._new_key())
            self._pause()
            answer = self.clients.send(request)
        return answer

    def _press(self, request: Request) -> Operation:
        """Send once, or as often at once as the button is clicked; or without much patience."""
        if self._chance(self.manners.hasty):
            return self.clients.send_apart(request, timeout=self.random.uniform(0.002, 0.05))
        times = self.random.choice(self.manners.clicks)
        return self.clients.send(request) if times == 1 else self._press_at_once(request, times)

    def _press_at_once(self, request: Request, times: int) -> Operation:
        """Half of them in this tab, half in others, which have keys of their own."""
        clicks = [
            request if number % 2 == 0 or not request.key else request.under(self._new_key())
            for number in range(times)
        ]
        answers: list[Operation] = []

        def click(request: Request) -> None:
            answers.append(self.clients.send_apart(request))

        fingers = [Thread(target=click, args=[request], daemon=True) for request in clicks]
        for finger in fingers:
            finger.start()
        for finger in fingers:
            finger.join()
        return min(
            answers, key=lambda each: (not each.ok, not each.unknown, each.key != request.key)
        )

    def _new_key(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _chance(self, share: float) -> bool:
        return self.random.random() < share

    def _pause(self) -> None:
        time.sleep(PAUSE_SECONDS * self.random.uniform(0.5, 1.5))
