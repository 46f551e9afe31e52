"""The requests of the buyers of a load: every request with its answer, or with none."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Outcome(StrEnum):
    """``UNKNOWN``: no answer, or one of 503. The server may have done it, or not."""

    OK = "ok"
    FAIL = "fail"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Operation:
    """One attempt of one buyer.

    ``about`` is what it was to change: seat numbers, reservations, a ticket, an amount. ``started``
    and ``ended`` are seconds of the recorder's clock. ``status`` is 0 without an answer, and
    ``error`` then says why; ``code`` is the problem's, empty for a success; ``headers`` have
    lower-case names.
    """

    kind: str
    user: str
    started: float
    ended: float
    about: tuple[Any, ...] = ()
    key: str = ""
    status: int = 0
    code: str = ""
    body: bytes = field(default=b"", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    error: str = ""

    @property
    def outcome(self) -> Outcome:
        if self.status in (0, 503):
            return Outcome.UNKNOWN
        return Outcome.OK if self.status < 400 else Outcome.FAIL

    @property
    def ok(self) -> bool:
        return self.outcome == Outcome.OK

    @property
    def unknown(self) -> bool:
        return self.outcome == Outcome.UNKNOWN

    @property
    def seconds(self) -> float:
        return self.ended - self.started

    @property
    def retry_after(self) -> str:
        return self.headers.get("retry-after", "")

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    def __str__(self) -> str:
        about = " ".join(map(str, self.about))
        answer = f"{self.status} {self.code}".strip() if self.status else "no answer"
        return (
            f"{self.started:8.3f} to {self.ended:8.3f}  {self.user[:8]}  {self.kind:<8}"
            f" {about} key={self.key or '-'}: {self.outcome}, {answer}"
        )


@dataclass
class Recorder:
    """The operations of all buyers; appending to a list is safe between threads."""

    operations: list[Operation] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)

    def now(self) -> float:
        """Seconds since the recorder was made."""
        return time.monotonic() - self.began

    def of(self, *kinds: str) -> list[Operation]:
        return [each for each in self.operations if each.kind in kinds]

    @property
    def answers(self) -> list[Operation]:
        return [each for each in self.operations if each.status]

    @property
    def connection_errors(self) -> list[str]:
        return [f"{each.kind}: {each.error}" for each in self.operations if not each.status]


def percentile(ascending: Sequence[float], percent: float) -> float:
    """The smallest value that at least this many percent do not exceed (nearest rank)."""
    return ascending[math.ceil(len(ascending) * percent / 100) - 1]
