"""One buyer's keep-alive connection; every attempt goes into the record."""

import http.client
import json
from collections.abc import Mapping
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


class Connection:
    """One keep-alive connection of a user; every exchange goes into the record.

    ``timeout`` in seconds. Not safe for two threads.
    """

    def __init__(self, *, url: str, user_id: str, recorder: Recorder, timeout: float) -> None:
        self.address = urlsplit(url)
        self.user_id = user_id
        self.recorder = recorder
        self.connection = new_connection(self.address, timeout)

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
            self.connection.request(method, self.address.path + path, payload, dict(headers))
            answer = _read(self.connection.getresponse())
        except (OSError, http.client.HTTPException) as exc:
            answer = {"error": f"{type(exc).__name__} {exc}".strip()}
            self.close()
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


def new_connection(address: SplitResult, timeout: float) -> http.client.HTTPConnection:
    """Not opened yet; ``timeout`` in seconds."""
    secure = address.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    return kind(address.hostname or "", address.port, timeout=timeout)


def _read(response: http.client.HTTPResponse) -> dict[str, Any]:
    body = response.read()
    headers = {name.lower(): value for name, value in response.getheaders()}
    # The only header that comes several times; a comma may be part of a cookie.
    headers["set-cookie"] = "\n".join(response.headers.get_all("set-cookie", []))
    return {
        "status": response.status,
        "code": _code(response.status, body),
        "body": body,
        "headers": headers,
    }


def _code(status: int, body: bytes) -> str:
    if status < 400:
        return ""
    try:
        return str(json.loads(body)["code"])
    except (ValueError, KeyError, TypeError):
        return "no_problem_document"
