"""A mail server that misbehaves: it refuses, hangs, answers late, or accepts a mail and breaks the
connection."""

import asyncio
import logging
import random
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from email import message_from_bytes
from typing import Any

from aiosmtpd.controller import Controller

from scripts.embedded import free_port

OK = "250 accepted"
LATER = "451 try again later"
# The share of mails with each behaviour; the others are accepted.
FAULTS = {"refuses": 0.08, "fails": 0.08, "hangs": 0.05, "answers late": 0.08, "breaks": 0.08}


@dataclass
class Receiver:
    """``received``: the Message-IDs that each recipient got, in their order; also those that the
    sender was not told of. ``patience``: the sender's time-out in seconds."""

    seed: int = 1
    patience: float = 0.5
    faults: dict[str, float] = field(default_factory=lambda: dict(FAULTS))
    received: defaultdict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    behaviours: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        logging.getLogger("mail.log").setLevel(logging.ERROR)
        self.random = random.Random(self.seed)
        self.controller = Controller(self, hostname="127.0.0.1", port=free_port())

    @property
    def url(self) -> str:
        """For EMAIL_URL."""
        return f"smtp://127.0.0.1:{self.controller.port}"

    def __enter__(self) -> "Receiver":
        self.controller.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.controller.stop()

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if self._behaves("refuses"):
            return LATER
        envelope.rcpt_tos.append(address)
        return OK

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        if self._behaves("fails"):
            return LATER
        if self._behaves("hangs"):
            await asyncio.sleep(4 * self.patience)
            return LATER
        mail = message_from_bytes(envelope.content)
        self.received[envelope.rcpt_tos[0]].append(mail["Message-ID"].strip("<>").split("@")[0])
        if self._behaves("answers late"):
            await asyncio.sleep(4 * self.patience)
        if self._behaves("breaks"):
            server.transport.abort()
        return OK

    def _behaves(self, fault: str) -> bool:
        does = self.random.random() < self.faults.get(fault, 0)
        self.behaviours[fault] += does
        return does
