"""One buyer's keep-alive connection to the API; every attempt goes into the record."""

import http.client
import json
from dataclasses import dataclass
from threading import Event
from typing import Any
from urllib.parse import SplitResult, urlsplit

from operations.load.api_requests import API, Request
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


class Client:
    """``over`` ends all retries; ``timeout`` in seconds. Not safe for two threads."""

    def __init__(
        self,
        *,
        url: str,
        account: Account,
        recorder: Recorder,
        over: Event,
        timeout: float = TIMEOUT_SECONDS,
    ) -> None:
        self.address = urlsplit(url)
        self.account = account
        self.recorder = recorder
        self.over = over
        self.connection = new_connection(self.address, timeout)

    def close(self) -> None:
        self.connection.close()

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
        """One attempt, in the record whatever comes of it."""
        started = self.recorder.now()
        answer: dict[str, Any]
        try:
            answer = self._exchange(request)
        except (OSError, http.client.HTTPException) as exc:
            answer = {"error": f"{type(exc).__name__} {exc}".strip()}
            self.close()
        operation = Operation(
            kind=request.kind,
            user=self.account.user_id,
            started=started,
            ended=self.recorder.now(),
            about=request.about,
            key=request.key,
            **answer,
        )
        self.recorder.operations.append(operation)
        return operation

    def _exchange(self, request: Request) -> dict[str, Any]:
        path = f"{self.address.path}{API}{request.path}"
        headers = request.headers(self.account.access)
        self.connection.request(request.method, path, request.payload, headers)
        response = self.connection.getresponse()
        body = response.read()
        return {
            "status": response.status,
            "code": _code(response.status, body),
            "body": body,
            "headers": {name.lower(): value for name, value in response.getheaders()},
        }


def new_connection(address: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Not opened yet; ``timeout`` in seconds."""
    secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(address.hostname or "", address.port, timeout=timeout)


def _code(status: int, body: bytes) -> str:
    if status < 400:
        return ""
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return "no_problem_document"
