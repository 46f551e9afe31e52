"""Group commit: requests that come at the same moment are done in one transaction.

While one transaction is under way, further requests gather, and the next transaction does all of
them: a crowd pays for the round trips once.
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


@dataclass(eq=False)
class Pending(Generic[Request, Result]):
    request: Request
    # A mailbox, for one result: written in C, to wait at it costs half of what an Event costs.
    results: SimpleQueue[Result | None] = field(default_factory=SimpleQueue)


class GroupCommit(Generic[Request, Result]):
    """The meeting place of a process's threads for one kind of request.

    ``do_all`` gets the requests, ``most`` at most, and returns a result for each, None for what
    had better be done alone. It must wait for nobody: all wait for it. It always runs in the same
    thread, whose connection to the database has every statement prepared, and is looked after here.
    """

    def __init__(
        self, do_all: Callable[[Sequence[Request]], Sequence[Result | None]], *, most: int = 32
    ) -> None:
        self.do_all = do_all
        self.most = most
        self._asked: SimpleQueue[Pending[Request, Result] | None] = SimpleQueue()
        self._thread: Thread | None = None
        self._mutex = Lock()

    def do(self, request: Request) -> Result | None:
        """The request's result, None where the caller is to do it alone.

        That is also the answer to all of those whose transaction failed, or went nobody knows
        how: alone, each gets its own answer.
        """
        mine = Pending[Request, Result](request)
        self._start()
        self._asked.put(mine)
        return mine.results.get()

    def stop(self) -> None:
        """End the thread and its connection; the next who asks starts another.

        Nobody may be asking meanwhile.
        """
        with self._mutex:
            if self._thread:
                self._asked.put(None)
                self._thread.join()
                self._thread = None

    def _start(self) -> None:
        # Not before: a server forks its workers, and threads are not forked with them.
        if self._thread is None or not self._thread.is_alive():
            with self._mutex:
                if self._thread is None or not self._thread.is_alive():
                    thread = Thread(target=self._work, name="group commit", daemon=True)
                    thread.start()
                    self._thread = thread

    def _work(self) -> None:
        while first := self._asked.get():
            pending = [first, *self._gathered()]
            for each, result in zip(pending, self._results(pending), strict=True):
                each.results.put(result)
        connections.close_all()

    def _results(self, pending: Sequence[Pending[Request, Result]]) -> Sequence[Result | None]:
        try:
            close_old_connections()
            results = self.do_all([each.request for each in pending])
            return [result for _each, result in zip(pending, results, strict=True)]
        except DomainError:  # of all of them, and each is told so alone
            return [None] * len(pending)
        except BaseException:  # nobody is to wait for a thread that is no more
            logger.warning(
                "A group commit failed; its %s requests are done alone", len(pending), exc_info=True
            )
            return [None] * len(pending)

    def _gathered(self) -> list[Pending[Request, Result]]:
        """Whatever else has been asked for by now."""
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
