"""Group commit: requests that arrive at the same moment share one transaction.

While a transaction runs, further requests are collected, and the next transaction serves all of
them with the round trips of one.
"""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Generic, TypeVar

from django.db import close_old_connections, connections

from concertbook.errors import DomainError

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Result = TypeVar("Result")
Key = TypeVar("Key")


class Retry(Exception):
    """Nothing was done for this request: run it alone, where it may wait for locks."""


def one_of_each(
    requests: Sequence[Request],
    key: Callable[[Request], Key],
    do_all: Callable[[list[Request]], dict[Key, Result]],
) -> list[Result | Retry]:
    """The outcomes of ``do_all``, which gets one request of each key; Retry for further ones.

    For requests of which one may change the state that the next one must read.
    """
    first: dict[Key, Request] = {}
    for request in requests:
        first.setdefault(key(request), request)
    outcomes = do_all(list(first.values()))
    return [outcomes.pop(key(request), Retry()) for request in requests]


@dataclass(eq=False)
class Pending(Generic[Request, Result]):
    request: Request
    # A mailbox for one outcome: SimpleQueue is written in C, and waiting costs half of an Event's.
    outcomes: SimpleQueue[Result | Exception] = field(default_factory=SimpleQueue)


class GroupCommit(Generic[Request, Result]):
    """Collects one kind of request from all threads of a process.

    ``do_all`` gets at most ``most`` requests and returns an outcome for each: its result, or the
    exception to raise for it, which is Retry where it would have to wait for a lock. It must not
    wait, as all of the requests wait for it. It always runs in the same thread, whose database
    connection has every statement prepared; this class opens and closes it.
    """

    def __init__(
        self, do_all: Callable[[Sequence[Request]], Sequence[Result | Exception]], *, most: int = 32
    ) -> None:
        self.do_all = do_all
        self.most = most
        self._asked: SimpleQueue[Pending[Request, Result] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._mutex = Lock()

    def do(self, request: Request) -> Result:
        """The request's result. Raises its exception; Retry also when all of ``do_all`` failed."""
        mine = Pending[Request, Result](request)
        self._start()
        self._asked.put(mine)
        outcome = mine.outcomes.get()
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def stop(self) -> None:
        """End the thread and its connection; the next request starts another.

        No request may be running meanwhile.
        """
        with self._mutex:
            if self._thread:
                self._asked.put(None)
                self._thread.join()
                self._thread = None

    def _start(self) -> None:
        # At the first request: a server forks its workers, and a fork does not copy threads.
        if self._thread is None or not self._thread.is_alive():
            with self._mutex:
                if self._thread is None or not self._thread.is_alive():
                    thread = Thread(target=self._work, name="group commit", daemon=True)
                    thread.start()
                    self._thread = thread

    def _work(self) -> None:
        while first := self._asked.get():
            pending = [first, *self._gathered()]
            for each, outcome in zip(pending, self._outcomes(pending), strict=True):
                each.outcomes.put(outcome)
        connections.close_all()

    def _outcomes(self, pending: Sequence[Pending[Request, Result]]) -> list[Result | Exception]:
        try:
            close_old_connections()
            outcomes = self.do_all([each.request for each in pending])
            return [outcome for _each, outcome in zip(pending, outcomes, strict=True)]
        except DomainError:
            # It is not known which request it refuses: each runs again alone.
            pass
        except BaseException:  # also SystemExit: the requests wait for this thread
            logger.warning(
                "A group commit failed; its %s requests are done alone", len(pending), exc_info=True
            )
        return [Retry() for _each in pending]

    def _gathered(self) -> list[Pending[Request, Result]]:
        """The requests that have arrived by now."""
        pending: list[Pending[Request, Result]] = []
        try:
            while len(pending) < self.most - 1:
                another = self._asked.get_nowait()
                if another is None:
                    self._asked.put(None)
                    break
                pending.append(another)
        except Empty:
            pass
        return pending
