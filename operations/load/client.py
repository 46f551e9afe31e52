"""One buyer's keep-alive connection; every attempt goes into the record."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from operations.load.api_requests import API, Request
from operations.load.http_connection import Answer, HttpConnection
from operations.load.recorder import Operation, Recorder

TIMEOUT_SECONDS = 20
# How often one request is sent when the server asks for patience or the connection breaks.
ATTEMPTS = 10
MAX_PATIENCE_SECONDS = 10
BROKEN_PATIENCE_SECONDS = 0.2


@dataclass(frozen=True)
class Account:
    """A user that load is played as; ``access`` is an access token of the mobile API."""

    user_id: str
    access: str


class ConnectionLost(Exception):
    """No answer: whether the server did what was asked is not known."""


class RunEnded(Exception):
    """The run ended while the server had asked for patience."""


class Connection:
    """One keep-alive connection of a user; every exchange goes into the record.

    ``timeout`` in seconds. Not safe for two threads.
    """

    def __init__(self, *, url: str, user_id: str, recorder: Recorder, timeout: float) -> None:
        self.address = urlsplit(url)
        self.user_id = user_id
        self.recorder = recorder
        self.connection = HttpConnection(self.address, timeout=timeout)

    def close(self) -> None:
        self.connection.close()

    def exchange(
        self,
        method: str,
        path: str,
        payload: bytes | None,
        headers: Mapping[str, str],
        *,
        kind: str,
        about: tuple[Any, ...] = (),
        key: str = "",
    ) -> Operation:
        """One attempt, in the record whatever comes of it. ``path`` is below the URL's."""
        started = self.recorder.now()
        answer: dict[str, Any]
        try:
            answer = _read(self.connection.ask(method, self.address.path + path, payload, headers))
        except OSError as exc:
            answer = {"error": f"{type(exc).__name__} {exc}".strip()}
        operation = Operation(
            kind=kind,
            user=self.user_id,
            started=started,
            ended=self.recorder.now(),
            about=about,
            key=key,
            **answer,
        )
        self.recorder.operations.append(self.recorded(operation))
        return operation

    def recorded(self, operation: Operation) -> Operation:
        """What the record keeps of it."""
        return operation


class Client(Connection):
    """A connection to the API with an access token; ``over`` ends all retries."""

    def __init__(
        self,
        *,
        url: str,
        account: Account,
        recorder: Recorder,
        over: Event,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        super().__init__(url=url, user_id=account.user_id, recorder=recorder, timeout=timeout)
        self.account = account
        self.over = over

    def ask(self, request: Request, *, may_repeat: bool = True) -> Operation:
        """The answer to a request, sent again after 429 and 503 as the server asks.

        ``may_repeat``: also when the connection breaks, because a second time changes nothing.
        Raises ConnectionLost and RunEnded.
        """
        for attempt in range(ATTEMPTS):
            answer = self.send(request)
            if not answer.status and (not may_repeat or attempt == ATTEMPTS - 1):
                raise ConnectionLost(answer.error)
            if answer.status not in (0, 429, 503):
                break
            patience = float(answer.retry_after or 1) if answer.status else BROKEN_PATIENCE_SECONDS
            if self.over.wait(min(patience, MAX_PATIENCE_SECONDS)):
                raise RunEnded
        return answer

    def send(self, request: Request) -> Operation:
        """One attempt."""
        return self.exchange(
            request.method,
            API + request.path,
            request.payload,
            request.headers(self.account.access),
            kind=request.kind,
            about=request.about,
            key=request.key,
        )


def _read(answer: Answer) -> dict[str, Any]:
    return {
        "status": answer.status,
        "code": _code(answer.status, answer.body),
        "body": answer.body,
        "headers": answer.headers,
    }


def _code(status: int, body: bytes) -> str:
    if status < 400:
        return ""
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return "no_problem_document"
