"""The fast path of the sale: hold seats and pay, for requests with a valid access token.

Only requests as apps write them, whatever comes of them; what is malformed is for Django to judge.
What a group commit does asks Redis nothing: it succeeds, and seats and money limit it.
A request that is done alone, to wait or to be refused, is counted (concertbook.http.request_limits)
once it is known that its session still lasts: a stolen token of a session that is over uses
nothing up.
"""

import logging
import re
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import Error, close_old_connections

from accounts import credentials
from accounts.idempotency import IdempotentRequest, hash_call, is_valid_key
from accounts.models import User
from concertbook.db.group_commit import GroupCommit
from concertbook.errors import DomainError
from concertbook.http.fast_path import (
    Answer,
    Environ,
    FallThrough,
    Route,
    read_json,
    render,
    respond,
)
from concertbook.http.ids import UUID
from concertbook.http.request_limits import count_request
from concerts.services.seating import HIGHEST_NUMBER
from payments.api import hold_answer, receipt_answer
from payments.models import Reservation
from payments.services import checkout, holds
from payments.services.baskets import Order
from payments.services.holds import MOST_AT_ONCE
from queueing.api import parse_queue_token
from queueing.errors import QueueNotAdmitted

logger = logging.getLogger(__name__)

# What was held; under a key as the bytes that were saved.
Held = list[Reservation] | bytes


def hold(environ: Environ, schedule_id: str) -> Answer:
    asked = AskedToHold.read(environ, schedule_id)
    held = HOLDS.do(asked) or _hold_alone(asked)
    return respond("201 Created", held if isinstance(held, bytes) else _render_hold(held))


@dataclass(frozen=True)
class AskedToHold:
    visitor: credentials.Credential
    schedule_id: uuid.UUID
    numbers: list[int]
    token: uuid.UUID | None
    key: str | None = None
    request_hash: str = ""

    @classmethod
    def read(cls, environ: Environ, schedule_id: str) -> "AskedToHold":
        """Raises FallThrough for a request that is not as apps write it."""
        visitor = credentials.read_authorization(environ)
        body = read_json(environ)
        numbers = _list_of(body, "seats", _is_seat_number)
        token = parse_queue_token(environ.get("HTTP_QUEUE_TOKEN"))
        key = environ.get("HTTP_IDEMPOTENCY_KEY")
        request_hash = "" if key is None else _hash(environ, {"seats": numbers})
        return cls(visitor, uuid.UUID(schedule_id), numbers, token, key, request_hash)

    @property
    def goes_together(self) -> bool:
        return self.token is not None and (self.key is None or is_valid_key(self.key))

    def once(self, user: User) -> IdempotentRequest | None:
        """Raises IdempotencyKeyInvalid for a key that is not valid, such as an empty one."""
        if self.key is None:
            return None
        return IdempotentRequest(
            user=user, key=self.key, request_hash=self.request_hash, render=_render_hold
        )


def _render_hold(reservations: Sequence[Reservation]) -> bytes:
    return render(hold_answer(reservations))


def _hold_alone(asked: AskedToHold) -> Held:
    with _connected():
        user = credentials.load_user(asked.visitor)
        count_request(user.pk)
        if asked.token is None:
            raise QueueNotAdmitted
        hold = partial(
            holds.hold_seats,
            user=user,
            schedule_id=asked.schedule_id,
            numbers=asked.numbers,
            token=asked.token,
        )
        once = asked.once(user)
        return once.run(lambda once: hold(once=once)) if once else hold()


def _hold_together(asked: Sequence[AskedToHold]) -> list[Held | None]:
    users = credentials.load_users([each.visitor for each in asked])
    wishes = {
        at: holds.Wish(user, each.schedule_id, each.numbers, each.token, each.once(user))
        for at, (each, user) in enumerate(zip(asked, users, strict=True))
        if user and each.goes_together
    }
    held: list[Held | None] = [None] * len(asked)
    for schedule_id in {wish.schedule_id for wish in wishes.values()}:
        places = [at for at, wish in wishes.items() if wish.schedule_id == schedule_id]
        try:
            found = holds.hold_for_many([wishes[at] for at in places])
        except DomainError:
            # Of all of them, such as a schedule that does not exist: each is told so alone.
            continue
        except Exception:
            # A transaction of its own: what the others have is theirs.
            logger.warning("A group commit failed; its holds are done alone", exc_info=True)
            continue
        for at, reservations in zip(places, found, strict=True):
            once = wishes[at].once
            held[at] = once.answer if reservations and once else reservations
    return held


HOLDS: GroupCommit[AskedToHold, Held] = GroupCommit(_hold_together)


def pay(environ: Environ) -> Answer:
    asked = AskedToPay(environ)
    answer = PAYMENTS.do(asked) or asked.pay_alone()
    return respond("201 Created", answer)


class AskedToPay:
    """Raises FallThrough for a request that is not as apps write it."""

    def __init__(self, environ: Environ) -> None:
        self.visitor = credentials.read_authorization(environ)
        self.key = environ.get("HTTP_IDEMPOTENCY_KEY")
        body = read_json(environ)
        ids = _list_of(body, "reservations", _is_uuid)
        self.reservation_ids = [uuid.UUID(each) for each in ids]
        self.request_hash = _hash(environ, {"reservations": self.reservation_ids})

    def pay_alone(self) -> bytes:
        with _connected():
            user = credentials.load_user(self.visitor)
            count_request(user.pk)
            return self.once(user).run(
                lambda once: checkout.pay(
                    user=user, reservation_ids=self.reservation_ids, once=once
                )
            )

    def once(self, user: User) -> IdempotentRequest:
        return IdempotentRequest(
            user=user,
            key=self.key,
            request_hash=self.request_hash,
            render=lambda receipt: render(receipt_answer(receipt)),
        )


def _pay_together(asked: Sequence[AskedToPay]) -> list[bytes | None]:
    users = credentials.load_users([each.visitor for each in asked])
    # One of each buyer; and who has no valid key is told so alone.
    by_user = {
        user: each
        for each, user in zip(asked, users, strict=True)
        if user and is_valid_key(each.key)
    }
    orders = [
        (Order(user, each.reservation_ids), each.once(user)) for user, each in by_user.items()
    ]
    answers: dict[AskedToPay, bytes] = {}
    if orders:
        is_paid = checkout.pay_for_many(orders)
        for each, (_order, once), paid in zip(by_user.values(), orders, is_paid, strict=True):
            if paid:
                answers[each] = once.answer
    return [answers.get(each) for each in asked]


PAYMENTS = GroupCommit(_pay_together)


def _hash(environ: Environ, named: dict[str, Any]) -> str:
    """As accounts.run_once.answer_once."""
    path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    return hash_call(environ["REQUEST_METHOD"], path, named)


@contextmanager
def _connected() -> Iterator[None]:
    """A database that fails is Django's to explain."""
    close_old_connections()
    try:
        yield
    except Error as exc:
        raise FallThrough from exc


def _list_of(body: Any, name: str, is_valid: Any) -> list[Any]:
    """Raises FallThrough for anything but a list as long as it may be, without doubles."""
    wanted = body.get(name) if isinstance(body, dict) else None
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST_AT_ONCE:
        raise FallThrough
    if not all(map(is_valid, wanted)) or len(set(wanted)) != len(wanted):
        raise FallThrough
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
