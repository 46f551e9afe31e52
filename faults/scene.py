"""One round while it is played: what a fault may do, and when all is well again."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

from faults.buyers import Clients, Population
from faults.system import System
from operations.load import api_requests
from operations.load.fixtures import Sale
from queueing.line.errors import LineUnavailable
from queueing.line.room_record import read_watermark

TICK = 0.05
SECONDS_TO_SNAP = 20.0


@dataclass
class Scene:
    system: System
    sale: Sale
    population: Population
    # No buyer is ever in this room's line, so that only the worker's ticks touch its index.
    quiet_room: int
    # When something was broken, by time.time: PostgreSQL and Redis are on the same machine.
    broken_at: float | None = None

    def broken(self) -> None:
        """From now on it counts how long it takes until all is well again."""
        self.broken_at = time.time()

    def go_on(self, seconds: float) -> None:
        """Let the buyers be busy; what has died comes back."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            self.system.revive()
            time.sleep(TICK)

    def spring(self, trap: str) -> None:
        """Kill the process that steps into this trap next (traps.py)."""
        armed = self.system.traps / trap
        armed.touch()
        deadline = time.monotonic() + SECONDS_TO_SNAP
        while armed.exists():
            if time.monotonic() > deadline:
                armed.unlink(missing_ok=True)
                raise TrapUntouched(trap)
            time.sleep(0.005)
        self.broken()

    @contextlib.contextmanager
    def asking(self, *ports: int) -> Iterator[None]:
        """From now on these web servers are asked, and no other."""
        usual = self.population.ports
        self.population.ports = list(ports)
        try:
            yield
        finally:
            self.population.ports = usual
        # What they were asked last they answer.
        self.go_on(1)

    @contextlib.contextmanager
    def others_unaffected(self) -> Iterator[None]:
        """Raises Unanswered when less is asked and answered meanwhile than there are buyers."""
        began = self.population.recorder.now()
        yield
        answered = self.population.recorder.answers
        served = sum(each.started > began for each in answered)
        if served < len(self.population.buyers):
            raise Unanswered(f"only {served} answers for {len(self.population.buyers)} buyers")

    def wait_until_well(self, patience: float) -> float:
        """Seconds from the breaking until money moves and the line does; raises NeverWell."""
        began = self.broken_at or time.time()
        canary = Clients(self.population, self.sale.accounts[-1])
        while not (self._money_moves(canary) and self._line_moves(began)):
            if time.time() - began > patience:
                raise NeverWell(f"not well again after {patience:g} s")
            self.go_on(TICK)
        return time.time() - began

    def _money_moves(self, canary: Clients) -> bool:
        return canary.send(api_requests.charge(1)).ok

    def _line_moves(self, since: float) -> bool:
        try:
            return read_watermark(self.quiet_room).measured_at > since * 1000
        except LineUnavailable:
            return False


class GuaranteeBroken(Exception):
    """What a fault itself finds wrong."""


class TrapUntouched(GuaranteeBroken):
    """No process came by: the round has shown nothing."""


class NeverWell(GuaranteeBroken):
    """It takes longer than allowed."""


class Unanswered(GuaranteeBroken):
    """Others are affected."""
