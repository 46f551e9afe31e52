"""One buyer's telephone: a keep-alive connection to the API, and a note of every answer."""

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20
# How often one request is sent when the server asks for patience or the connection breaks.
ATTEMPTS = 10
MAX_PATIENCE_SECONDS = 10


@dataclass(frozen=True)
class Answer:
    """``code`` is the problem's, empty for a success; ``seconds`` from sending to the last byte;
    ``headers`` have lower-case names."""

    step: str
    status: int
    code: str
    seconds: float
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)

    @property
    def ok(self) -> bool:
        return self.status < 400

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Log:
    """What all the clients saw together; appending to a list is safe between threads."""

    answers: list[Answer] = field(default_factory=list)
    connection_errors: list[str] = field(default_factory=list)


class ConnectionLost(Exception):
    """No answer: whether the server did what was asked is not known."""


class RehearsalOver(Exception):
    """The rehearsal ended while the server had asked for patience."""


class Client:
    """``over`` ends all patience; ``timeout`` in seconds. Not for two threads at once."""

    def __init__(
        self, *, url: str, access: str, log: Log, over: Event, timeout: float = TIMEOUT_SECONDS
    ) -> None:
        self.address = urlsplit(url)
        self.timeout = timeout
        self.authorization = f"Bearer {access}"
        self.log = log
        self.over = over
        self.connection = self._new_connection()

    def _new_connection(self) -> http.client.HTTPConnection:
        kind = (
            http.client.HTTPSConnection
            if self.address.scheme == "https"
            else http.client.HTTPConnection
        )
        return kind(self.address.hostname or "", self.address.port, timeout=self.timeout)

    def close(self) -> None:
        self.connection.close()

    def ask(
        self,
        step: str,
        method: str,
        path: str,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        *,
        may_repeat: bool = True,
    ) -> Answer:
        """The answer to a request, sent again after 429 and 503 as the server asks.

        ``may_repeat``: also when the connection breaks, because a second time changes nothing.
        Raises ConnectionLost and RehearsalOver.
        """
        for attempt in range(ATTEMPTS):
            try:
                answer = self.send(step, method, path, body, headers or {})
            except (OSError, http.client.HTTPException) as exc:
                self.log.connection_errors.append(f"{step}: {type(exc).__name__} {exc}".strip())
                self.close()
                if not may_repeat or attempt == ATTEMPTS - 1:
                    raise ConnectionLost from exc
                self._have_patience(0.2)
                continue
            if answer.status not in (429, 503):
                return answer
            self._have_patience(float(answer.headers.get("retry-after") or 1))
        return answer

    def send(
        self, step: str, method: str, path: str, body: object, headers: Mapping[str, str]
    ) -> Answer:
        """One attempt. Raises OSError and HTTPException when there is no answer."""
        sent = {"Authorization": self.authorization, **headers}
        payload = None
        if body is not None:
            payload = json.dumps(body).encode()
            sent["Content-Type"] = "application/json"
        started = time.perf_counter()
        self.connection.request(method, f"{self.address.path}/api/v1/{path}", payload, sent)
        response = self.connection.getresponse()
        content = response.read()
        answer = Answer(
            step=step,
            status=response.status,
            code=_code(response.status, content),
            seconds=time.perf_counter() - started,
            body=content,
            headers={name.lower(): value for name, value in response.getheaders()},
        )
        self.log.answers.append(answer)
        return answer

    def _have_patience(self, seconds: float) -> None:
        if self.over.wait(min(seconds, MAX_PATIENCE_SECONDS)):
            raise RehearsalOver


def _code(status: int, content: bytes) -> str:
    if status < 400:
        return ""
    try:
        return str(json.loads(content)["code"])
    except (ValueError, KeyError, TypeError):
        return "no_problem_document"
