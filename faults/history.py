"""What the clients of one round did: every request with its answer, or with none."""

import json
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
    """One attempt of one client. ``about`` is what it was to change: seat numbers, reservations,
    a ticket, an amount. Times in seconds of the clients' one clock; ``code`` is the problem's.
    """

    kind: str
    user: str
    started: float
    ended: float
    about: tuple[Any, ...] = ()
    key: str = ""
    status: int = 0
    code: str = ""
    retry_after: str = ""
    body: bytes = b""

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
class History:
    """Appending to a list is safe between threads."""

    operations: list[Operation] = field(default_factory=list)

    def of(self, *kinds: str) -> list[Operation]:
        return [each for each in self.operations if each.kind in kinds]
