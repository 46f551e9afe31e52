"""Kill this process at the very spot: after a statement, or after the COMMIT that follows it.

A trap is set by making a file of its name in the folder FAULTS_TRAPS; the first process that
steps into it takes the file away and dies. The product's code knows nothing of all this.
"""

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

COMMIT = "COMMIT"
# What one transaction does in this order before it steps into the trap.
TRAPS = {
    "locks": ('FROM "payments_reservation"', 'FROM "accounts_balance"'),
    "ticket": ("INSERT INTO payments_ticket",),
    "payment": ("INSERT INTO payments_ticket", COMMIT),
    "expiry": ("SET status = 'EXPIRED'", "INSERT INTO concerts_seatstatushistory"),
    "admission": ("SET status = 'ACTIVE'", COMMIT),
}


class Watch:
    """Follows one connection's transactions; an execute wrapper."""

    def __init__(self, names: Iterable[str], die: Callable[[], None]) -> None:
        self.steps = dict.fromkeys(names, 0)
        self.die = die
        self.folder = Path(os.environ["FAULTS_TRAPS"])

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        result = execute(sql, *arguments)
        self.see(sql)
        return result

    def see(self, event: str) -> None:
        for name, step in self.steps.items():
            if TRAPS[name][step] in event:
                self.step(name)

    def step(self, name: str) -> None:
        self.steps[name] += 1
        if self.steps[name] == len(TRAPS[name]):
            self.steps[name] = 0
            if self.take_away(name):
                self.die()

    def take_away(self, name: str) -> bool:
        try:
            (self.folder / name).unlink()
        except FileNotFoundError:
            return False
        return True

    def transaction_ended(self) -> None:
        self.steps = dict.fromkeys(self.steps, 0)


def lay(*names: str, die: Callable[[], None]) -> None:
    """Watch every connection that this process opens from now on."""

    def watch(connection: BaseDatabaseWrapper, **_: object) -> None:
        # A connection that is opened again keeps its wrappers.
        if not hasattr(connection, "watch"):
            connection.watch = Watch(names, die)  # type: ignore[attr-defined]
            connection.execute_wrappers.append(connection.watch)  # type: ignore[attr-defined]

    connection_created.connect(watch, weak=False)
    _watch_transactions()


def _watch_transactions() -> None:
    commit, roll_back = BaseDatabaseWrapper._commit, BaseDatabaseWrapper._rollback  # type: ignore[attr-defined]

    def watched_commit(self: Any) -> None:
        commit(self)
        self.watch.see(COMMIT)
        self.watch.transaction_ended()

    def watched_rollback(self: Any) -> None:
        self.watch.transaction_ended()
        roll_back(self)

    BaseDatabaseWrapper._commit = watched_commit  # type: ignore[attr-defined]
    BaseDatabaseWrapper._rollback = watched_rollback  # type: ignore[attr-defined]
