"""Messages a minute, for each kind, from the queue to a mail server on this machine."""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accounts.gateway import GatewayAnswer
from accounts.models import Charge, OutgoingMessage, User
from accounts.services.charges import settle_charge
from accounts.services.outbox import new_message, queue
from benchmarks import bulk_users
from benchmarks.rows import Fact
from faults.receiver import Receiver
from operations.load.fixtures import create_sale

SENDERS = 2
GOAL = "10,000 a minute"


def measure(options: Namespace) -> Iterator[Fact]:
    """Two processes send; each message is to a recipient of its own."""
    bulk_users.enroll(range(options.operations))
    users = list(User.objects.exclude(email=None).order_by("pk")[: options.operations])
    with Receiver(faults={}) as receiver:
        os.environ["EMAIL_URL"] = receiver.url
        with senders() as running:
            for name, data in kinds(users[0]):
                OutgoingMessage.objects.all().delete()
                seconds, busy = send(name, users, data, running)
                rate, each = 60 * len(users) / seconds, 1000 * busy / len(users)
                yield Fact(
                    f"mail: {name}", f"{rate:,.0f} a minute, {each:.1f} ms of CPU each", GOAL
                )


def kinds(user: User) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "password_changed", {}
    pending = Charge.objects.create(user=user, amount=10_000)
    settle_charge(charge_id=pending.pk, answer=GatewayAnswer(approved=True))
    yield "top_up", {"charge": str(pending.pk)}
    yield "sale_opens", {"schedule": str(create_sale(buyers=1, seats=10, capacity=1).schedule_id)}


def send(
    kind: str, users: list[User], data: dict[str, Any], running: list[Any]
) -> tuple[float, float]:
    """Seconds until the last one is sent, and of the senders' CPU. Raises SystemExit if one is
    not sent."""
    queue(new_message(kind=kind, user=user, data=data) for user in users)
    began = time.monotonic()
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.stdout.readline().split() for process in running]
    seconds = time.monotonic() - began
    sent = sum(int(count) for count, _busy in answers)
    if sent != len(users):
        raise SystemExit(f"{kind}: {sent} of {len(users)} were sent")
    return seconds, sum(float(busy) for _count, busy in answers)


@contextmanager
def senders() -> Iterator[list[Any]]:
    command = [sys.executable, "-m", "benchmarks.mail_sender"]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    running = [subprocess.Popen(command, **pipes) for _each in range(SENDERS)]
    try:
        yield running
    finally:
        for process in running:
            process.kill()
            process.wait()
