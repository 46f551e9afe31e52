"""Messages a minute, for each kind, from the queue to a mail server on this machine."""

import os
import subprocess
import sys
import time
from argparse import Namespace
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from accounts.models import Charge, OutgoingMessage, User
from accounts.services.outbox import new_message, queue
from benchmarks.rows import Fact
from concerts.models import ConcertSchedule
from faults.receiver import Receiver
from tests.factories import ScheduleFactory, UserFactory, ago, bought

SENDERS = 2
GOAL = "10,000 a minute"


def measure(options: Namespace) -> Iterator[Fact]:
    """Two processes send; each message is to a recipient of its own."""
    emails = [f"{number}@benchmark.invalid" for number in range(options.operations)]
    with Receiver(faults={}) as receiver:
        os.environ["EMAIL_URL"] = receiver.url
        with senders() as running:
            for name, user, data in kinds():
                OutgoingMessage.objects.all().delete()
                queue(new_message(kind=name, user=user, email=email, data=data) for email in emails)
                seconds, busy = send(len(emails), running)
                rate, each = 60 * len(emails) / seconds, 1000 * busy / len(emails)
                yield Fact(
                    f"mail: {name}", f"{rate:,.0f} a minute, {each:.1f} ms of CPU each", GOAL
                )


def kinds() -> Iterator[tuple[str, User, dict[str, Any]]]:
    """The kinds, each with its user and what it tells of."""
    user: User = UserFactory.create(won=100_000)
    charge = Charge.objects.get(user=user)
    schedule = ScheduleFactory.create()
    receipt = bought(user, schedule, 1, 2)
    tickets = [str(ticket.pk) for ticket in receipt.tickets]
    yield "password_changed", user, {}
    yield "top_up", user, {"charge": str(charge.pk)}
    yield "sale_opens", user, {"schedule": str(opening_schedule().pk)}
    yield "tickets", user, {"tickets": tickets}


def opening_schedule() -> ConcertSchedule:
    schedule: ConcertSchedule = ScheduleFactory.create(reserve_from=ago(minutes=1))
    return schedule


def send(count: int, running: list[Any]) -> tuple[float, float]:
    """Seconds until the last one is sent, and of the senders' CPU. Raises SystemExit if one is
    not sent."""
    began = time.monotonic()
    for process in running:
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.stdout.readline().split() for process in running]
    seconds = time.monotonic() - began
    sent = sum(int(count) for count, _busy in answers)
    if sent != count:
        raise SystemExit(f"{sent} of {count} were sent")
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
