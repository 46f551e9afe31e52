"""The sale before Django: hold these seats, pay for them, for whoever shows a valid access token.

Only requests as apps write them, whatever comes of them; what is malformed is for Django to judge.
"""

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import Error, close_old_connections

from accounts import passes
from accounts.idempotency import Once
from accounts.models import User
from concertbook.front import UUID, Answer, Environ, Route, StepAside, read_json, render, respond
from concerts.services.seating import HIGHEST_NUMBER
from payments.api import MOST_AT_ONCE, hold_answer, receipt_answer
from payments.services import checkout, holds
from queueing.api import parse_queue_token
from queueing.errors import QueueNotAdmitted


def hold(environ: Environ, schedule_id: str) -> Answer:
    visitor = passes.read_authorization(environ)
    numbers = _list_of(read_json(environ), "seats", _is_seat_number)
    token = parse_queue_token(environ.get("HTTP_QUEUE_TOKEN"))
    with _connected():
        user = passes.load_user(visitor)
        if token is None:
            raise QueueNotAdmitted
        reservations = holds.hold_seats(
            user=user, schedule_id=uuid.UUID(schedule_id), numbers=numbers, token=token
        )
    return respond("201 Created", render(hold_answer(reservations)))


def pay(environ: Environ) -> Answer:
    visitor = passes.read_authorization(environ)
    body = read_json(environ)
    reservations = [uuid.UUID(each) for each in _list_of(body, "reservations", _is_uuid)]
    with _connected():
        user = passes.load_user(visitor)
        answer = _once(environ, user, body).act(
            lambda once: checkout.pay(user=user, reservation_ids=reservations, once=once)
        )
    return respond("201 Created", answer)


def _once(environ: Environ, user: User, body: Any) -> Once:
    path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    return Once(
        user=user,
        key=environ.get("HTTP_IDEMPOTENCY_KEY"),
        request=["POST", path, body],
        render=lambda receipt: render(receipt_answer(receipt)),
    )


@contextmanager
def _connected() -> Iterator[None]:
    """A database that fails is Django's to explain."""
    close_old_connections()
    try:
        yield
    except Error as exc:
        raise StepAside from exc


def _list_of(body: Any, name: str, is_valid: Any) -> list[Any]:
    """Raises StepAside for anything but a list as long as it may be, without doubles."""
    wanted = body.get(name) if isinstance(body, dict) else None
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST_AT_ONCE:
        raise StepAside
    if not all(map(is_valid, wanted)) or len(set(wanted)) != len(wanted):
        raise StepAside
    return wanted


def _is_seat_number(value: Any) -> bool:
    return type(value) is int and 0 < value <= HIGHEST_NUMBER


_is_canonical = re.compile(UUID).fullmatch


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _is_canonical(value) is not None


ROUTES: list[Route] = [
    ("POST", re.compile(f"/api/v1/schedules/({UUID})/reservations/"), hold),
    ("POST", re.compile("/api/v1/payments/"), pay),
]
