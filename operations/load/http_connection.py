"""One keep-alive connection over HTTP/1.1, which costs a load generator little.

http.client reads an answer's headers by the parser for mails, which takes most of its 0.4 ms; the
load shares its processors with what it measures.
"""

import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult

PORTS = {"http": 80, "https": 443}
PIECE = 65_536
WITHOUT_BODY = (204, 304)


@dataclass(frozen=True)
class Answer:
    """``headers`` have lower-case names; several Set-Cookie are lines of one."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class HttpConnection:
    """Opened by the first request, and anew after the server closed it. Not safe for two threads.

    ``timeout`` in seconds, for each read and write.
    """

    def __init__(self, address: SplitResult, *, timeout: float) -> None:
        self.address = address
        self.timeout = timeout
        self.port = address.port or PORTS[address.scheme]
        is_usual = self.port == PORTS[address.scheme]
        self.host = (address.hostname or "") + ("" if is_usual else f":{self.port}")
        self.socket: socket.socket | None = None
        self.buffer = b""

    def ask(
        self, method: str, path: str, payload: bytes | None, headers: Mapping[str, str]
    ) -> Answer:
        """The answer, of any status. Raises OSError without one; the connection is closed then."""
        sent = {"Host": self.host, "Accept-Encoding": "identity", **headers}
        if payload is not None or method != "GET":
            sent["Content-Length"] = str(len(payload or b""))
        lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in sent.items())]
        try:
            self._connected().sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + (payload or b""))
            return self._answer(method)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
        self.socket = None
        self.buffer = b""

    def _connected(self) -> socket.socket:
        if self.socket is None:
            host = self.address.hostname or ""
            self.socket = socket.create_connection((host, self.port), self.timeout)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.address.scheme == "https":
                secure = ssl.create_default_context()
                self.socket = secure.wrap_socket(self.socket, server_hostname=host)
        return self.socket

    def _answer(self, method: str) -> Answer:
        status, headers = self._head()
        while status < 200:
            status, headers = self._head()
        if method == "HEAD" or status in WITHOUT_BODY:
            body = b""
        elif headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks()
        elif "content-length" in headers:
            body = self._take(int(headers["content-length"]))
        else:
            body = self._to_the_end()
        if headers.get("connection", "").lower() == "close":
            self.close()
        return Answer(status, headers, body)

    def _head(self) -> tuple[int, dict[str, str]]:
        first, *lines = self._until(b"\r\n\r\n").decode("latin-1").split("\r\n")
        words = first.split(" ", 2)
        if not (words[0].startswith("HTTP/1.") and len(words) > 1 and words[1].isdecimal()):
            raise ConnectionError(f"not an answer of HTTP/1.1: {first[:80]!r}")
        headers: dict[str, str] = {}
        for line in lines:
            name, _, value = line.partition(":")
            name, value = name.lower(), value.strip()
            # The only header that comes several times; a comma may be part of a cookie.
            before = f"{headers[name]}\n" if name == "set-cookie" and name in headers else ""
            headers[name] = before + value
        return int(words[1]), headers

    def _chunks(self) -> bytes:
        chunks = []
        while length := int(self._until(b"\r\n").partition(b";")[0], 16):
            chunks.append(self._take(length))
            self._until(b"\r\n")
        while self._until(b"\r\n"):
            pass
        return b"".join(chunks)

    def _until(self, end: bytes) -> bytes:
        while end not in self.buffer:
            self._read_more()
        found, _, self.buffer = self.buffer.partition(end)
        return found

    def _take(self, length: int) -> bytes:
        while len(self.buffer) < length:
            self._read_more()
        taken, self.buffer = self.buffer[:length], self.buffer[length:]
        return taken

    def _to_the_end(self) -> bytes:
        """All until the server closes the connection."""
        while piece := self._connected().recv(PIECE):
            self.buffer += piece
        body = self.buffer
        self.close()
        return body

    def _read_more(self) -> None:
        piece = self._connected().recv(PIECE)
        if not piece:
            raise ConnectionResetError("the server closed the connection")
        self.buffer += piece
