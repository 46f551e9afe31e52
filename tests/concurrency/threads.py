"""Real threads on the real database, and points where they wait for one another."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any

from django.db import connection, connections

Call = Callable[[], Any]
# Longer than any test takes, so that a mistake in a test fails instead of hanging.
DEADLINE = 20


def race(*calls: Call, meeting: "Meeting | None" = None) -> list[Any]:
    """Run every call in a thread of its own, all started at the same moment.

    Returns each call's result, or the exception that it raised, in the order of the calls.
    """
    start = threading.Barrier(len(calls))

    def run(call: Call) -> Any:
        connection.ensure_connection()
        start.wait(DEADLINE)
        return call()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(lambda call: _outcome(lambda: run(call), meeting), calls))


def _outcome(call: Call, wrapper: "Meeting | Gate | None" = None) -> Any:
    try:
        with ExitStack() as stack:
            if wrapper is not None:
                stack.callback(wrapper.end)
                stack.enter_context(connection.execute_wrapper(wrapper))
            return call()
    except Exception as exc:
        return exc
    finally:
        connections.close_all()


@contextmanager
def background(call: Call, gate: "Gate | None" = None) -> Iterator["Future[Any]"]:
    """Run one call in a thread; its future has the result or exception, as in race()."""
    with ThreadPoolExecutor(1) as pool:
        try:
            yield pool.submit(_outcome, call, gate)
        finally:
            if gate is not None:
                gate.open()


class Meeting:
    """Where two threads of a race meet: right after (or before) a statement that contains ``at``.

    The first thread continues when the other has arrived as well, has ended, or waits for a
    lock that the first one holds. So every race is as close as the guards let it be.
    """

    def __init__(self, at: str, *, before: bool = False) -> None:
        self.at = at
        self.before = before
        self.arrived = 0
        self.changed = threading.Condition()
        self.mine = threading.local()

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        due = self.at in sql and not hasattr(self.mine, "arrived")
        if due and self.before:
            self.arrive()
        result = execute(sql, *args)
        if due and not self.before:
            self.arrive()
        return result

    def arrive(self) -> None:
        self.end()
        with self.changed:
            until(lambda: self.arrived > 1 or _blocks_another(), pause=self.changed.wait)

    def end(self) -> None:
        if hasattr(self.mine, "arrived"):
            return
        self.mine.arrived = True
        with self.changed:
            self.arrived += 1
            self.changed.notify_all()


class Gate:
    """Stops a thread right after its first statement that contains ``after``, until opened."""

    def __init__(self, after: str) -> None:
        self.after = after
        self.reached = threading.Event()
        self.opened = threading.Event()

    def __call__(self, execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        result = execute(sql, *args)
        if self.after in sql and not self.reached.is_set():
            self.reached.set()
            assert self.opened.wait(DEADLINE), "the gate was not opened"
        return result

    def wait(self) -> None:
        """Wait until the thread has reached the gate."""
        assert self.reached.wait(DEADLINE), f"no statement with {self.after!r}"

    def open(self) -> None:
        self.opened.set()

    def end(self) -> None:
        """The thread has ended, whether it reached the gate or not."""


def until(condition: Callable[[], bool], pause: Callable[[float], Any] = time.sleep) -> None:
    """Poll the condition until it holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        pause(0.01)


def _blocks_another() -> bool:
    return _exists("NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid))")


def a_thread_waits_for_a_lock() -> bool:
    """Whether any connection to this test's database waits for a lock."""
    return _exists(
        "NOT granted AND pid IN"
        " (SELECT pid FROM pg_stat_activity WHERE datname = current_database())"
    )


def _exists(lock: str) -> bool:
    # Without Django's cursor: its execute wrappers would see this statement too.
    connection.ensure_connection()
    assert connection.connection is not None
    row = connection.connection.execute(f"SELECT EXISTS (SELECT FROM pg_locks WHERE {lock})")
    return bool(row.fetchone()[0])
