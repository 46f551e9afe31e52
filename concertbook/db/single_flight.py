"""Single flight: concurrent callers share one run of the same work."""

from collections.abc import Callable, Hashable
from concurrent.futures import Future
from threading import Lock
from typing import Generic, TypeVar

Result = TypeVar("Result")


class SingleFlight(Generic[Result]):
    """One run at a time for each key, in this process.

    A caller gets the result of a run that began after its call, so that it contains what the caller
    has committed before: callers who arrive during a run share the next one.
    """

    def __init__(self) -> None:
        self._mutex = Lock()
        self._turns: dict[Hashable, Lock] = {}
        self._next: dict[Hashable, Future[Result]] = {}

    def do(self, key: Hashable, work: Callable[[], Result]) -> Result:
        """The result of ``work``, the caller's own or another's; raises what it raises."""
        with self._mutex:
            turn = self._turns.setdefault(key, Lock())
            flight = self._next.get(key)
            leads = flight is None
            if flight is None:
                flight = self._next[key] = Future()
        if leads:
            self._run(key, turn, flight, work)
        return flight.result()

    def _run(
        self, key: Hashable, turn: Lock, flight: "Future[Result]", work: Callable[[], Result]
    ) -> None:
        with turn:
            with self._mutex:
                # Later callers share the next run.
                del self._next[key]
            try:
                flight.set_result(work())
            except BaseException as exc:  # also SystemExit: the others wait for this run
                flight.set_exception(exc)
            with self._mutex:
                if key not in self._next:
                    del self._turns[key]
