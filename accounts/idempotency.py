"""One effect per key: a request that is sent again gets the first answer, byte for byte.

    once = Once(user=user, key=key, request=[...], render=bytes_of)
    once.act(lambda once: pay(..., once=once))  # the answer: saved with the effect, now or before

A refusal that changed nothing is not saved: the same key may try again.
"""

import datetime as dt
import hashlib
import json
from collections.abc import Callable
from typing import Any

from django.db import connection

from accounts.errors import IdempotencyInFlight, IdempotencyKeyMissing, IdempotencyKeyReused
from accounts.models import Charge, IdempotencyKey, User
from concertbook.clock import database_now
from concertbook.prepared import Prepared, Slot

KEPT = dt.timedelta(hours=24)
LONGEST_KEY = 255


class AnsweredBefore(Exception):
    """Not a refusal: the request was done earlier, and ``answer`` is what it was told."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("answered before")
        self.answer = answer


class Once:
    """One request of one user under one key.

    ``request`` is what makes it this request and no other (JSON-serialisable: the path and the
    body); ``render`` turns the service's result into the answer's bytes. Raises
    IdempotencyKeyMissing for an empty or overlong key.
    """

    def __init__(
        self, *, user: User, key: str | None, request: Any, render: Callable[[Any], bytes]
    ) -> None:
        if not key or len(key) > LONGEST_KEY:
            raise IdempotencyKeyMissing
        self.user = user
        self.key = key
        self.request_hash = _hash(request)
        self.render = render
        self.answer = b""

    def act(self, act: Callable[["Once"], Any]) -> bytes:
        """The answer of ``act``, which claims and saves this, or the one given before.

        Raises whatever ``act`` raises.
        """
        try:
            act(self)
        except AnsweredBefore as before:
            return before.answer
        return self.answer

    def claim(self) -> None:
        """Before the first write of the transaction that has the effect.

        The lock ends with the transaction, also when the process is killed. Raises
        AnsweredBefore, IdempotencyKeyReused, IdempotencyInFlight.
        """
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_try_advisory_xact_lock(hashtextextended(%s, 1))",
                [f"{self.user.pk} {self.key}"],
            )
            (alone,) = cursor.fetchone()
        if not alone:
            raise IdempotencyInFlight(retry_after=1)
        self.find_answer()

    def find_answer(self) -> None:
        """Raises AnsweredBefore when there is one, IdempotencyKeyReused for another request's."""
        for saved in SAVED.fetch(user=self.user.pk, key=self.key):
            if saved.request_hash != self.request_hash:
                raise IdempotencyKeyReused
            raise AnsweredBefore(bytes(saved.answer))

    def save(self, result: Any) -> None:
        """Keep the answer, in the same transaction as the effect."""
        self.answer = self.render(result)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_idempotencykey"
                " (user_id, key, request_hash, answer, created_at)"
                " VALUES (%s, %s, %s, %s, clock_timestamp())",
                [self.user.pk, self.key, self.request_hash, self.answer],
            )


SAVED = Prepared(
    lambda: IdempotencyKey.objects.filter(user=Slot("user"), key=Slot("key")).only(
        "request_hash", "answer"
    )
)


def _hash(request: Any) -> str:
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


def forget_old_answers() -> int:
    """Delete what is older than 24 hours, and free its keys; returns how many answers."""
    before = database_now() - KEPT
    settled = Charge.objects.exclude(status=Charge.Status.PENDING).exclude(key=None)
    settled.filter(created_at__lt=before).update(key=None)
    deleted, _by_model = IdempotencyKey.objects.filter(created_at__lt=before).delete()
    return deleted
