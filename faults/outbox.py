"""``make mail-faults``: kill those who send messages, in front of a mail server that misbehaves.

Each round queues messages to a few recipients. Two processes send them; each is killed (SIGKILL)
at random moments, and another takes its place. The mail server refuses, hangs, answers late, or
accepts a mail and breaks the connection. In the end every message must have arrived, those of a
recipient in their order, and a mail that came twice with one Message-ID. Exits 1 after any
violation.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import groupby

import django

from faults.receiver import Receiver
from scripts.embedded import addresses, throwaway_servers

SENDERS = 2
RECIPIENTS = 12
PATIENCE = 0.5
DEADLINE = 120.0
# Seconds from one kill to the next.
LIFE = (0.05, 1.5)


def main() -> int:
    options = arguments()
    with throwaway_servers(os.environ, durable=True) as servers:
        os.environ.update(addresses(servers))
        with Receiver(seed=options.seed, patience=PATIENCE) as receiver:
            os.environ.update(environ(receiver))
            django.setup()
            violations = play(options, receiver)
    for violation in violations:
        print(violation)
    print(f"{len(violations)} violations")
    return int(bool(violations))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults.outbox", description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--messages", type=int, default=5, help="to each recipient, in a round")
    parser.add_argument("--seed", type=int, default=1, help="of the kills and of the mail server")
    return parser.parse_args()


def environ(receiver: Receiver) -> dict[str, str]:
    """The variables of a sender, besides those of the servers."""
    return {
        "DJANGO_SETTINGS_MODULE": "faults.settings",
        "SECRET_KEY": "only-for-tools",
        "DEBUG": "1",
        "LOG_LEVEL": "ERROR",
        "EMAIL_URL": receiver.url,
        "FAULTS_EMAIL_TIMEOUT": str(PATIENCE),
    }


def play(options: argparse.Namespace, receiver: Receiver) -> list[str]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    violations: list[str] = []
    chance = random.Random(options.seed)
    with senders() as running:
        for number in range(options.rounds):
            began = time.monotonic()
            kills, found = play_round(
                f"round-{number}",
                receiver,
                running,
                chance,
                recipients=RECIPIENTS,
                messages=options.messages,
            )
            violations += found
            duplicates = sum(map(len, receiver.received.values())) - len(
                {each for ids in receiver.received.values() for each in ids}
            )
            print(
                f"round {number + 1}: {RECIPIENTS * options.messages} messages, {kills} kills,"
                f" {duplicates} duplicates so far, {len(found)} violations"
                f" ({time.monotonic() - began:.1f} s)",
                flush=True,
            )
    print(", ".join(f"{fault} {count}" for fault, count in receiver.behaviours.items()))
    return violations


def play_round(
    name: str,
    receiver: Receiver,
    running: "list[Sender]",
    chance: random.Random,
    *,
    recipients: int,
    messages: int,
) -> tuple[int, list[str]]:
    """The number of kills, and what was wrong."""
    from accounts.models import OutgoingMessage
    from accounts.services.outbox import new_message, queue

    emails = [f"{name}-{each}@example.com" for each in range(recipients)]
    queue(
        new_message(kind="numbered", email=email, data={"number": each})
        for each in range(messages)
        for email in emails
    )
    kills, deadline = 0, time.monotonic() + DEADLINE
    while OutgoingMessage.objects.filter(is_queued=True).exists():
        if time.monotonic() > deadline:
            break
        time.sleep(chance.uniform(*LIFE))
        kills += chance.choice(running).kill()
    return kills, [wrong for email in emails for wrong in judge(email, receiver)]


def judge(email: str, receiver: Receiver) -> Iterator[str]:
    from accounts.models import OutgoingMessage

    rows = OutgoingMessage.objects.filter(recipient=email).order_by("pk")
    for row in rows:
        if row.status != OutgoingMessage.Status.SENT:
            yield f"{email}: message {row.pk} is {row.status}: {row.last_error}"
    expected = [str(row.message_id) for row in rows]
    # A duplicate comes before the next message, never after it.
    got = [message_id for message_id, _again in groupby(receiver.received[email])]
    if got != expected:
        yield f"{email}: expected {expected}, got {receiver.received[email]}"


@dataclass
class Sender:
    """A process of faults.sender, and the one that sends for it now."""

    process: "subprocess.Popen[str]"
    child: int = 0
    ended: bool = False
    reader: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as pids:
            for line in pids:
                self.child = int(line)
                if self.ended:
                    self.kill()

    def kill(self) -> bool:
        """Whether there was one to kill."""
        child, self.child = self.child, 0
        if child:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
        return bool(child)

    def stop(self) -> None:
        self.ended = True
        self.process.kill()
        self.process.wait()
        self.kill()
        self.reader.join()


@contextmanager
def senders() -> Iterator[list[Sender]]:
    command = [sys.executable, "-m", "faults.sender"]
    running = [
        Sender(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
        for _each in range(SENDERS)
    ]
    try:
        yield running
    finally:
        for sender in running:
            sender.stop()


if __name__ == "__main__":
    sys.exit(main())
