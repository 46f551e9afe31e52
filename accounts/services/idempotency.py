"""One effect per key: a request that is sent again gets the first answer, byte for byte.

    once = IdempotentRequest(user=user, key=key, request_hash=hash_request([...]), render=bytes_of)
    once.run(lambda once: pay(..., once=once))  # the answer: saved with the effect, now or before

A refusal that changed nothing is not saved: the same key may try again.
"""

import datetime as dt
import hashlib
import json
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeGuard

from accounts.errors import (
    IdempotencyInFlight,
    IdempotencyKeyInvalid,
    IdempotencyKeyMissing,
    IdempotencyKeyReused,
)
from accounts.models import Charge, IdempotencyKey, User
from concertbook.db.clock import database_now
from concertbook.db.rows import InsertValues, Recordset, write_rows
from concertbook.db.statements import execute, fetch_all
from concertbook.errors import DomainError

KEPT = dt.timedelta(hours=24)
LONGEST_KEY = 255


class AnsweredBefore(Exception):
    """Not a refusal: the request was done earlier, and ``answer`` is its saved answer."""

    def __init__(self, answer: bytes) -> None:
        super().__init__("answered before")
        self.answer = answer


def is_valid_key(key: str | None) -> TypeGuard[str]:
    """Printable ASCII, which clients and proxies send unchanged; as in the OpenAPI document."""
    if not key or len(key) > LONGEST_KEY:
        return False
    return key.isascii() and key.isprintable()


def hash_call(method: str, path: str, named: Mapping[str, Any]) -> str:
    """The hash of an API call. ``named`` is the parsed and validated body.

    A call sent again with its ids in another case, or with a field that the API does not read,
    is the same call.
    """
    # Only the ids of a path have two spellings.
    return hash_request([method, path.lower(), named])


def hash_request(request: Any) -> str:
    """The hash of the values that identify a request; values without a JSON type (a UUID) count as
    their string.
    """
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode(errors="surrogatepass")).hexdigest()


class IdempotentRequest:
    """One request of one user under one key.

    ``request_hash`` is hash_request's; ``render`` turns the service's result into the answer's
    bytes. Raises IdempotencyKeyMissing for None, IdempotencyKeyInvalid for a key that is not
    valid.
    """

    def __init__(
        self, *, user: User, key: str | None, request_hash: str, render: Callable[[Any], bytes]
    ) -> None:
        if key is None:
            raise IdempotencyKeyMissing
        if not is_valid_key(key):
            raise IdempotencyKeyInvalid
        self.user = user
        self.key = key
        self.request_hash = request_hash
        self.render = render
        self.answer = b""
        # The key of its advisory lock.
        self.name = f"{user.pk} {key}"

    def run(self, act: Callable[["IdempotentRequest"], Any]) -> bytes:
        """The answer of ``act``, which claims and saves this, or the one given before.

        Raises whatever ``act`` raises.
        """
        try:
            act(self)
        except AnsweredBefore as before:
            return before.answer
        return self.answer

    def claim(self) -> None:
        """claim_keys for this request alone. Raises AnsweredBefore, IdempotencyKeyReused,
        IdempotencyInFlight."""
        for refusal in claim_keys([self]).values():
            raise refusal

    def claim_waiting(self) -> None:
        """As claim, but waits for the request that holds the key instead of refusing.

        For a form: of a double click the browser shows the second answer. Raises AnsweredBefore,
        IdempotencyKeyReused.
        """
        execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 1))", [self.name])
        self.find_answer()

    def find_answer(self) -> None:
        """Raises AnsweredBefore when there is one, IdempotencyKeyReused for another request's."""
        (refusal,) = _find_answers([self])
        if refusal:
            raise refusal

    def save(self, result: Any) -> None:
        """Save the answer, in the same transaction as the effect."""
        write_rows(new_answers([(self, result)]))


NAMES = Recordset("wanted", name="text")
KEYS = Recordset("asked", who="uuid", key="text")


def claim_keys(
    requests: Sequence[IdempotentRequest],
) -> dict[uuid.UUID, AnsweredBefore | DomainError]:
    """Lock these requests' keys until the transaction ends, before its first write.

    Each request is of another user. Returns, by user, why a key is not claimed: AnsweredBefore,
    IdempotencyKeyReused, or IdempotencyInFlight for a key that another transaction has locked;
    it never waits. PostgreSQL releases the locks also when the process is killed.
    """
    if not requests:
        return {}
    locks = fetch_all(
        f"""
        SELECT pg_try_advisory_xact_lock(hashtextextended(wanted.name, 1))
        FROM {NAMES} ORDER BY wanted.n
        """,
        NAMES.params((once.name,) for once in requests),
    )
    # In a statement of its own after the lock, so that it sees the answer of the last request.
    answers = _find_answers(requests)
    refusals: dict[uuid.UUID, AnsweredBefore | DomainError] = {}
    for once, (locked,), answer in zip(requests, locks, answers, strict=True):
        if not locked:
            refusals[once.user.pk] = IdempotencyInFlight(retry_after=1)
        elif answer:
            refusals[once.user.pk] = answer
    return refusals


def _find_answers(
    requests: Sequence[IdempotentRequest],
) -> list[AnsweredBefore | DomainError | None]:
    """For each request AnsweredBefore or IdempotencyKeyReused; None if its key has no answer."""
    found = fetch_all(
        f"""
        SELECT saved.request_hash, saved.answer
        FROM {KEYS} LEFT JOIN accounts_idempotencykey AS saved
            ON saved.user_id = asked.who AND saved.key = asked.key
        WHERE {KEYS.by_key}
        ORDER BY asked.n
        """,
        KEYS.params((once.user.pk, once.key) for once in requests),
    )
    return [_answer_to(once, *saved) for once, saved in zip(requests, found, strict=True)]


def _answer_to(
    once: IdempotentRequest, request_hash: str | None, answer: bytes | None
) -> AnsweredBefore | DomainError | None:
    if request_hash is None or answer is None:
        return None
    if request_hash != once.request_hash:
        return IdempotencyKeyReused()
    return AnsweredBefore(bytes(answer))


def new_answers(results: Sequence[tuple[IdempotentRequest, Any]]) -> InsertValues:
    """The rows of IdempotentRequest.save for these requests, as part of a larger statement."""
    for once, result in results:
        once.answer = once.render(result)
    answers = [
        {
            "user_id": once.user.pk,
            "key": once.key,
            "request_hash": once.request_hash,
            "answer": once.answer,
        }
        for once, _result in results
    ]
    return InsertValues(IdempotencyKey, answers)


def forget_old_answers() -> int:
    """Delete what is older than 24 hours, and free its keys; returns how many answers."""
    before = database_now() - KEPT
    settled = Charge.objects.exclude(status=Charge.Status.PENDING).exclude(key=None)
    settled.filter(created_at__lt=before).update(key=None)
    deleted, _by_model = IdempotencyKey.objects.filter(created_at__lt=before).delete()
    return deleted
