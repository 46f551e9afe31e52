"""POST payments/: pay for held seats."""

import re
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from accounts import credentials
from accounts.models import User
from accounts.services.idempotency import IdempotentRequest
from concertbook.db.group_commit import GroupCommit
from concertbook.http.fast_path import Answer, Environ, FallThrough, read_json, render, respond
from concertbook.http.ids import UUID
from payments.fast_path.requests import do, hash_of, list_of, requests_of
from payments.representations import PaymentsOutput
from payments.services import checkout
from payments.services.carts import PaymentRequest


def pay(environ: Environ) -> Answer:
    return respond("201 Created", do(AskedToPay.read(environ), PAYMENTS, _pay_all))


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
        ids = [uuid.UUID(each) for each in list_of(body, "reservations", _is_uuid)]
        key = environ.get("HTTP_IDEMPOTENCY_KEY")
        return cls(visitor, ids, key, hash_of(environ, {"reservations": ids}))

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
    requests, refusals = requests_of(asked)
    outcomes: dict[int, bytes | Exception] = {**refusals}
    if requests:
        paid = checkout.pay(list(requests.values()), wait=wait)
        for (at, request), outcome in zip(requests.items(), paid, strict=True):
            assert request.once, "a payment has a key"
            outcomes[at] = outcome if isinstance(outcome, Exception) else request.once.answer
    return [outcomes[at] for at in range(len(asked))]


PAYMENTS: GroupCommit[AskedToPay, bytes] = GroupCommit(_pay_all)


_is_canonical = re.compile(UUID).fullmatch


def _is_uuid(value: Any) -> bool:
    return isinstance(value, str) and _is_canonical(value) is not None
