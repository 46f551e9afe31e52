"""The fast path of the sale: hold seats and pay, for requests with a valid access token.

Answers requests that are well formed, refusals included; Django answers what is malformed.
1. A group commit does the requests of many users in one transaction.
2. One that succeeds is answered, and asks Redis nothing: seats and money limit it.
3. Every other one is counted (concertbook.http.request_limits), but for those of sessions that are
   over: a stolen token uses nothing up.
4. One that has to wait for a lock (Retry) is done alone.
5. A refusal is answered.
"""

import logging
import re
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from django.db import Error, close_old_connections

from accounts import credentials
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore, IdempotentRequest, hash_call
from concertbook.db.group_commit import GroupCommit, Retry
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
from payments.models import Reservation
from payments.representations import PaymentsOutput, hold_answer
from payments.services import checkout, holds
from payments.services.carts import PaymentRequest
from payments.services.holds import MOST_AT_ONCE
from payments.services.locked_sale import HoldRequest
from queueing.errors import QueueNotAdmitted
from queueing.requests import parse_queue_token

logger = logging.getLogger(__name__)

Result = TypeVar("Result")
Request = TypeVar("Request", covariant=True)
# What was held; under a key as the bytes that were saved.
Held = list[Reservation] | bytes


class Asked(Protocol[Request]):
    """A request as it came, before it is known whether its session still lasts."""

    @property
    def visitor(self) -> credentials.Credential: ...

    def request_of(self, user: User | None) -> Request: ...


AskedRequest = TypeVar("AskedRequest", bound=Asked[Any])


def hold(environ: Environ, schedule_id: str) -> Answer:
    asked = AskedToHold.read(environ, schedule_id)
    try:
        held = _do(asked, HOLDS, _hold_all)
    except DomainError as refusal:
        with _connected():
            raise holds.explain(
                refusal,
                user_id=asked.visitor.user_id,
                schedule_id=asked.schedule_id,
                numbers=asked.numbers,
            ) from None
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

    def request_of(self, user: User | None) -> HoldRequest:
        """Raises FallThrough without a user, QueueNotAdmitted, IdempotencyKeyInvalid."""
        if user is None:
            raise FallThrough
        if self.token is None:
            raise QueueNotAdmitted
        return HoldRequest(user, self.schedule_id, self.numbers, self.token, self._once(user))

    def _once(self, user: User) -> IdempotentRequest | None:
        if self.key is None:
            return None
        return IdempotentRequest(
            user=user, key=self.key, request_hash=self.request_hash, render=_render_hold
        )


def _render_hold(reservations: Sequence[Reservation]) -> bytes:
    return render(hold_answer(reservations))


def _hold_all(asked: Sequence[AskedToHold], *, wait: bool = False) -> list[Held | Exception]:
    requests, refusals = _requests_of(asked)
    outcomes: dict[int, Held | Exception] = {**refusals}
    for schedule_id in {request.schedule_id for request in requests.values()}:
        of_one = {at: each for at, each in requests.items() if each.schedule_id == schedule_id}
        held = _hold_in_one_schedule(list(of_one.values()), wait=wait)
        outcomes |= zip(of_one, held, strict=True)
    return [outcomes[at] for at in range(len(asked))]


def _hold_in_one_schedule(
    requests: Sequence[HoldRequest], *, wait: bool
) -> Sequence[Held | Exception]:
    """A transaction of its own: if it fails, what is held in other schedules stays held."""
    try:
        outcomes = holds.hold(requests, wait=wait)
    except Exception as exc:
        if wait:
            raise
        if not isinstance(exc, DomainError):
            logger.warning("A group commit failed; its holds are done alone", exc_info=True)
        return [Retry() for _request in requests]
    return [
        request.once.answer if request.once and isinstance(outcome, list) else outcome
        for request, outcome in zip(requests, outcomes, strict=True)
    ]


HOLDS: GroupCommit[AskedToHold, Held] = GroupCommit(_hold_all)


def pay(environ: Environ) -> Answer:
    return respond("201 Created", _do(AskedToPay.read(environ), PAYMENTS, _pay_all))


@dataclass(frozen=True)
class AskedToPay:
    visitor: credentials.Credential
    reservation_ids: list[uuid.UUID]
    key: str | None
    request_hash: str

    @classmethod
    def read(cls, environ: Environ) -> "AskedToPay":
        """Raises FallThrough for a request that is not as apps write it."""
        visitor = credentials.read_authorization(environ)
        body = read_json(environ)
        ids = [uuid.UUID(each) for each in _list_of(body, "reservations", _is_uuid)]
        key = environ.get("HTTP_IDEMPOTENCY_KEY")
        return cls(visitor, ids, key, _hash(environ, {"reservations": ids}))

    def request_of(self, user: User | None) -> PaymentRequest:
        """Raises FallThrough without a user, IdempotencyKeyInvalid."""
        if user is None:
            raise FallThrough
        once = IdempotentRequest(
            user=user, key=self.key, request_hash=self.request_hash, render=_render_receipt
        )
        return PaymentRequest(user, self.reservation_ids, once)


def _render_receipt(receipt: checkout.Receipt) -> bytes:
    return render(PaymentsOutput.represent(receipt))


def _pay_all(asked: Sequence[AskedToPay], *, wait: bool = False) -> list[bytes | Exception]:
    requests, refusals = _requests_of(asked)
    outcomes: dict[int, bytes | Exception] = {**refusals}
    if requests:
        paid = checkout.pay(list(requests.values()), wait=wait)
        for (at, request), outcome in zip(requests.items(), paid, strict=True):
            assert request.once, "a payment has a key"
            outcomes[at] = outcome if isinstance(outcome, Exception) else request.once.answer
    return [outcomes[at] for at in range(len(asked))]


PAYMENTS: GroupCommit[AskedToPay, bytes] = GroupCommit(_pay_all)


def _do(
    asked: AskedRequest,
    group: GroupCommit[AskedRequest, Result],
    do_all: Callable[..., Sequence[Result | Exception]],
) -> Result | bytes:
    """The result, or the answer saved under the request's key; alone where it has to wait.

    Counts a request that does not succeed at once. Raises FallThrough and refusals.
    """
    outcome: Result | Exception
    try:
        return group.do(asked)
    except (Retry, AnsweredBefore, DomainError) as exc:
        outcome = exc
    count_request(asked.visitor.user_id)
    if isinstance(outcome, Retry):
        with _connected():
            (outcome,) = do_all([asked], wait=True)
    if isinstance(outcome, AnsweredBefore):
        return outcome.answer
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def _requests_of(
    asked: Sequence[Asked[Request]],
) -> tuple[dict[int, Request], dict[int, Exception]]:
    """By their places, the requests of users who are logged in, and what the others are told."""
    users = credentials.load_users([each.visitor for each in asked])
    requests: dict[int, Request] = {}
    refusals: dict[int, Exception] = {}
    for at, (each, user) in enumerate(zip(asked, users, strict=True)):
        try:
            requests[at] = each.request_of(user)
        except (FallThrough, DomainError) as refusal:
            refusals[at] = refusal
    return requests, refusals


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
