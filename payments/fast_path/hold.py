"""POST schedules/<id>/reservations/: hold seats."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts import credentials
from accounts.models import User
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.group_commit import GroupCommit
from concertbook.errors import DomainError
from concertbook.http.fast_path import Answer, Environ, FallThrough, read_json, render, respond
from concerts.requests import person_of
from concerts.services.seat_locks import HIGHEST_NUMBER
from payments.fast_path.requests import connected, do, hash_of, list_of, requests_of
from payments.models import Reservation
from payments.representations import hold_answer
from payments.services import early_refusals, holds
from payments.services.locked_sale import HoldRequest
from queueing.errors import QueueNotAdmitted
from queueing.requests import parse_queue_token

# What was held; under a key as the bytes that were saved.
Held = list[Reservation] | bytes


def hold(environ: Environ, schedule_id: str) -> Answer:
    asked = AskedToHold.read(environ, schedule_id)
    is_counted = False
    if asked.token and asked.key is None:
        with connected():
            is_counted = early_refusals.refuse_taken(
                user_id=asked.visitor.user_id,
                schedule_id=asked.schedule_id,
                numbers=asked.numbers,
                person=person_of(asked.visitor, asked.token),
            )
    try:
        held = do(asked, HOLDS, _hold_all, is_counted=is_counted)
    except DomainError as refusal:
        with connected():
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
        numbers = list_of(body, "seats", _is_seat_number)
        token = parse_queue_token(environ.get("HTTP_QUEUE_TOKEN"))
        key = environ.get("HTTP_IDEMPOTENCY_KEY")
        request_hash = "" if key is None else hash_of(environ, {"seats": numbers})
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
    requests, refusals = requests_of(asked)
    outcomes: dict[int, Held | Exception] = {**refusals}
    held = holds.hold_by_schedule(list(requests.values()), wait=wait)
    for (at, request), outcome in zip(requests.items(), held, strict=True):
        answer = request.once.answer if request.once and isinstance(outcome, list) else outcome
        outcomes[at] = answer
    return [outcomes[at] for at in range(len(asked))]


HOLDS: GroupCommit[AskedToHold, Held] = GroupCommit(_hold_all)


def _is_seat_number(value: Any) -> bool:
    return type(value) is int and 0 < value <= HIGHEST_NUMBER
