"""Requests that come at the same moment, done together: group commit.

While one transaction is under way, whatever else is asked for gathers, and the next transaction
does all of it: a crowd pays for the round trips once.
"""

import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Event, Lock
from typing import Generic, TypeVar

logger = logging.getLogger(__name__)

Request = TypeVar("Request")
Result = TypeVar("Result")


@dataclass(eq=False)
class Job(Generic[Request, Result]):
    """``called`` once it is done, by another thread, or its own turn to lead."""

    request: Request
    result: Result | None = None
    is_done: bool = False
    called: Event = field(default_factory=Event)


class Together(Generic[Request, Result]):
    """The meeting place of a process's threads for one kind of request.

    ``do_all`` gets the requests, ``most`` at most, in the thread of one of them, and returns a
    result for each, None for what had better be done alone. It must wait for nobody: all wait
    for it.
    """

    def __init__(
        self, do_all: Callable[[Sequence[Request]], Sequence[Result | None]], *, most: int = 32
    ) -> None:
        self.do_all = do_all
        self.most = most
        self._mutex = Lock()
        self._gathered: deque[Job[Request, Result]] = deque()
        self._is_led = False

    def do(self, request: Request) -> Result | None:
        """The request's result, None where the caller is to do it alone.

        That is also the answer to all of those whose transaction failed: alone, each gets its
        own error.
        """
        job = Job[Request, Result](request)
        if not self._may_lead(job):
            job.called.wait()
        if not job.is_done:
            self._lead()
        return job.result

    def _may_lead(self, job: Job[Request, Result]) -> bool:
        with self._mutex:
            self._gathered.append(job)
            may_lead = not self._is_led
            self._is_led = True
        return may_lead

    def _lead(self) -> None:
        """Do what has gathered, the caller's own first; then the next one waiting leads."""
        with self._mutex:
            jobs = [self._gathered.popleft() for _ in range(min(self.most, len(self._gathered)))]
        try:
            results = self.do_all([job.request for job in jobs])
            for job, result in zip(jobs, results, strict=True):
                job.result = result
        except Exception:
            logger.warning("Together it failed; %s are done alone", len(jobs), exc_info=True)
        finally:
            for job in jobs:
                job.is_done = True
                job.called.set()
            self._hand_over()

    def _hand_over(self) -> None:
        with self._mutex:
            if self._gathered:
                self._gathered[0].called.set()
            else:
                self._is_led = False
