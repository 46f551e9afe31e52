"""A load generator that costs little: prepared bytes out, status and time in, on one thread.

It shares two cores with what it measures, so it parses no more of an answer than its length: the
client of operations/load, a thread for each buyer, would take most of the processor.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from operations.load.api_requests import API, Request
from operations.load.recorder import percentile

CONNECTIONS = 16
HEAD_END = b"\r\n\r\n"


@dataclass
class Result:
    """``seconds`` of wall time for all answers; ``latencies`` of each, in seconds.

    ``body_bytes`` of all answers, as they were sent.
    """

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)
    body_bytes: int = 0

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        return percentile(sorted(self.latencies), percent)


@dataclass
class Load:
    """Requests to send once each, over so many connections.

    A connection sends the next request as soon as it has its answer, but not sooner than ``every``
    seconds after its last.
    """

    requests: Iterator[bytes]
    connections: int
    every: float = 0.0
    result: Result = field(default_factory=Result)


def run(port: int, requests: Iterable[bytes], *, connections: int = CONNECTIONS) -> Result:
    load = Load(iter(requests), connections)
    run_loads(port, [load])
    return load.result


def run_loads(port: int, loads: Sequence[Load]) -> None:
    """Send all requests of all loads at the same time; each load's result gets its answers."""
    connections = [
        Connection(port, load, number) for load in loads for number in range(load.connections)
    ]
    started = time.perf_counter()
    for each in connections:
        each.start(started)
    with selectors.DefaultSelector() as selector:
        idle = set(connections)
        while idle or selector.get_map():
            _send_what_is_due(selector, idle)
            next_due = min((each.due for each in idle), default=time.perf_counter() + 30)
            for key, _mask in selector.select(next_due - time.perf_counter()):
                if not key.data.receive():
                    selector.unregister(key.fileobj)
                    if key.data.load.every:
                        idle.add(key.data)
    for each in connections:
        each.load.result.seconds = time.perf_counter() - started
        each.socket.close()


def _send_what_is_due(selector: selectors.BaseSelector, idle: "set[Connection]") -> None:
    now = time.perf_counter()
    for each in [each for each in idle if each.due <= now]:
        idle.remove(each)
        if each.send():
            selector.register(each.socket, selectors.EVENT_READ, each)


class Connection:
    """One keep-alive connection, the ``number``th of its load."""

    def __init__(self, port: int, load: Load, number: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.load = load
        self.number = number
        self.buffer = b""
        self.sent_at = self.due = 0.0

    def start(self, now: float) -> None:
        """The first requests of all connections are spread over ``every``."""
        self.due = now + self.load.every * self.number / self.load.connections

    def send(self) -> bool:
        """Send the next request; False when there is none left."""
        request = next(self.load.requests, None)
        if request is None:
            return False
        self.buffer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def receive(self) -> bool:
        """Take what has come; False when this connection pauses or is done."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection that it should have kept")
        self.buffer += piece
        if not is_whole(self.buffer):
            return True
        self.load.result.latencies.append(time.perf_counter() - self.sent_at)
        self.load.result.statuses[int(self.buffer[9:12])] += 1
        self.load.result.body_bytes += len(self.buffer.partition(HEAD_END)[2])
        if self.load.every:
            self.due = self.sent_at + self.load.every
            return False
        return self.send()


def is_whole(answer: bytes) -> bool:
    head, found, body = answer.partition(HEAD_END)
    if not found:
        return False
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return len(body) >= int(line.partition(b":")[2])
        if line == b"transfer-encoding: chunked":
            return body.endswith(b"0\r\n\r\n")
    return answer[9:12] in (b"204", b"304")


def prepared(request: Request, access: str = "", *, cookie: str = "") -> bytes:
    """A request to the API as bytes, with an access token, a browser's cookies, or neither."""
    headers = request.headers(access) | ({"Cookie": cookie} if cookie else {})
    return http_request(request.method, API + request.path, headers, request.payload or b"")


def http_request(
    method: str, path: str, headers: Mapping[str, str] = MappingProxyType({}), body: bytes = b""
) -> bytes:
    """One HTTP/1.1 request as bytes."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + HEAD_END + body
