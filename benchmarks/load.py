"""A load generator that costs little: prepared bytes out, status and time in, on one thread.

It shares two cores with what it measures, so it parses no more of an answer than its length.
"""

import selectors
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

CONNECTIONS = 16
HEAD_END = b"\r\n\r\n"


@dataclass
class Result:
    """``seconds`` of wall time for all answers; ``latencies`` of each, in seconds."""

    seconds: float = 0.0
    statuses: Counter[int] = field(default_factory=Counter)
    latencies: list[float] = field(default_factory=list)

    @property
    def per_second(self) -> float:
        return len(self.latencies) / self.seconds

    def percentile(self, percent: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def run(port: int, requests: Sequence[bytes], *, connections: int = CONNECTIONS) -> Result:
    """Send every request once, each connection the next one as soon as it has its answer."""
    result = Result()
    waiting = iter(requests)
    with selectors.DefaultSelector() as selector:
        started = time.perf_counter()
        clients = [Client(port, waiting, result) for _ in range(connections)]
        for client in clients:
            if client.send():
                selector.register(client.socket, selectors.EVENT_READ, client)
        while selector.get_map():
            for key, _mask in selector.select(timeout=30):
                if not key.data.receive():
                    selector.unregister(key.fileobj)
        result.seconds = time.perf_counter() - started
    for client in clients:
        client.socket.close()
    return result


class Client:
    """One keep-alive connection."""

    def __init__(self, port: int, waiting: Iterator[bytes], result: Result) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.waiting = waiting
        self.result = result
        self.buffer = b""
        self.sent_at = 0.0

    def send(self) -> bool:
        """Send the next request; False when there is none left."""
        request = next(self.waiting, None)
        if request is None:
            return False
        self.buffer = b""
        self.sent_at = time.perf_counter()
        self.socket.sendall(request)
        return True

    def receive(self) -> bool:
        """Take what has come; on a whole answer send the next. False when this client is done."""
        piece = self.socket.recv(65536)
        if not piece:
            raise ConnectionError("the server closed a connection that it should have kept")
        self.buffer += piece
        if not is_whole(self.buffer):
            return True
        self.result.latencies.append(time.perf_counter() - self.sent_at)
        self.result.statuses[int(self.buffer[9:12])] += 1
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


def request(method: str, path: str, *, token: str, body: bytes = b"", **headers: str) -> bytes:
    """One HTTP/1.1 request as bytes; ``token`` is the access token, empty for none."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", f"Content-Length: {len(body)}"]
    if token:
        lines.append(f"Authorization: Bearer {token}")
    if body:
        lines.append("Content-Type: application/json")
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + HEAD_END + body
