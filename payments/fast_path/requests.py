"""Shared by holds and payments: read the request, run it in a group commit, count it."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from django.db import Error, close_old_connections

from accounts import credentials
from accounts.models import User
from accounts.services.idempotency import AnsweredBefore, hash_call
from concertbook.db.group_commit import GroupCommit, Retry
from concertbook.errors import DomainError
from concertbook.http.fast_path import Environ, FallThrough
from concertbook.http.requests_per_user import count_request
from payments.services.holds import MOST_AT_ONCE

Result = TypeVar("Result")
Request = TypeVar("Request", covariant=True)


class Asked(Protocol[Request]):
    """A request before its session was checked."""

    @property
    def visitor(self) -> credentials.Credential: ...

    def request_of(self, user: User | None) -> Request: ...


AskedRequest = TypeVar("AskedRequest", bound=Asked[Any])


def do(
    asked: AskedRequest,
    group: GroupCommit[AskedRequest, Result],
    do_all: Callable[..., Sequence[Result | Exception]],
    *,
    is_counted: bool = False,
) -> Result | bytes:
    """The result, or the answer saved under the request's key. Runs alone after Retry.

    Counts a request that does not succeed at once, unless it ``is_counted`` already. Raises
    FallThrough and refusals.
    """
    outcome: Result | Exception
    try:
        return group.do(asked)
    except (Retry, AnsweredBefore, DomainError) as exc:
        outcome = exc
    if not is_counted:
        count_request(asked.visitor.user_id)
    if isinstance(outcome, Retry):
        with connected():
            (outcome,) = do_all([asked], wait=True)
    if isinstance(outcome, AnsweredBefore):
        return outcome.answer
    if isinstance(outcome, Exception):
        raise outcome
    return outcome


def requests_of(
    asked: Sequence[Asked[Request]],
) -> tuple[dict[int, Request], dict[int, Exception]]:
    """The requests of logged-in users, and the refusals of the others, by their index."""
    users = credentials.load_users([each.visitor for each in asked])
    requests: dict[int, Request] = {}
    refusals: dict[int, Exception] = {}
    for at, (each, user) in enumerate(zip(asked, users, strict=True)):
        try:
            requests[at] = each.request_of(user)
        except (FallThrough, DomainError) as refusal:
            refusals[at] = refusal
    return requests, refusals


def hash_of(environ: Environ, named: dict[str, Any]) -> str:
    """As accounts.run_once.answer_once."""
    path = environ.get("SCRIPT_NAME", "") + environ["PATH_INFO"]
    return hash_call(environ["REQUEST_METHOD"], path, named)


@contextmanager
def connected() -> Iterator[None]:
    """After a failure of the database the request falls through: Django answers with the error."""
    close_old_connections()
    try:
        yield
    except Error as exc:
        raise FallThrough from exc


def list_of(body: Any, name: str, is_valid: Any) -> list[Any]:
    """Raises FallThrough unless it is a list of the allowed length without duplicates."""
    wanted = body.get(name) if isinstance(body, dict) else None
    if not isinstance(wanted, list) or not 0 < len(wanted) <= MOST_AT_ONCE:
        raise FallThrough
    if not all(map(is_valid, wanted)) or len(set(wanted)) != len(wanted):
        raise FallThrough
    return wanted
