"""Many concurrent buyers over HTTP, each in a thread, for every load with real clients.

The simulation of the benchmarks has buyers of its own: a million of them fit into no threads, and
they live by a clock that no server has.
"""

import random
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from threading import Event, Thread
from typing import Any, Generic, TypeVar

from operations.load.client import TIMEOUT_SECONDS, Account, Client
from operations.load.fixtures import Sale
from operations.load.recorder import Recorder


class Buyer(ABC):
    """One buyer. What it does follows from the seed and its number, as far as the answers let it.

    ``phase`` says where it is now, in the end how it ended.
    """

    population: "Population[Any]"

    def __init__(self, population: "Population[Any]", number: int) -> None:
        self.population = population
        self.sale = population.sale
        self.account: Account = self.sale.accounts[number]
        self.random = random.Random(f"{population.seed} {number}")
        self.token = ""
        self.phase = "joining"

    @abstractmethod
    def visit(self) -> None:
        """Everything that the buyer does, to the end of the run."""

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""


B = TypeVar("B", bound=Buyer)


class Population(Generic[B]):
    """Buyers who share a sale and a record.

    ``over`` is set when they shall end what they began, and go; ``wrong`` says what must not
    happen and did.
    """

    buyers: Sequence[B]

    def __init__(self, sale: Sale, *, seed: int) -> None:
        self.sale = sale
        self.seed = seed
        self.recorder = Recorder()
        self.over = Event()
        self.wrong: list[str] = []
        self.threads: list[Thread] = []

    def new_client(self, url: str, account: Account, *, timeout: float = TIMEOUT_SECONDS) -> Client:
        """A connection for one thread; ``timeout`` in seconds."""
        return Client(
            url=url, account=account, recorder=self.recorder, over=self.over, timeout=timeout
        )

    def start(self) -> None:
        self.threads = [
            Thread(target=self._run, args=[buyer], daemon=True) for buyer in self.buyers
        ]
        for thread in self.threads:
            thread.start()

    def _run(self, buyer: B) -> None:
        try:
            buyer.visit()
        except Exception as exc:
            # A bug of the load, or an answer that it does not know: either way not a clean run.
            self.wrong.append(f"a buyer failed with {type(exc).__name__}: {exc}")
            buyer.phase = "failed"
        finally:
            buyer.close()

    def still_running(self) -> list[Thread]:
        return [thread for thread in self.threads if thread.is_alive()]

    def finish(self, seconds: float = float("inf")) -> None:
        """Let the buyers end what they began; after so many seconds the others count as wrong."""
        self.over.set()
        deadline = time.monotonic() + seconds
        for thread in self.threads:
            remaining = deadline - time.monotonic()
            thread.join(max(0.0, remaining) if remaining < float("inf") else None)
        if late := self.still_running():
            self.wrong.append(f"{len(late)} buyers do not come to an end")
