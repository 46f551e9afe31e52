"""An answer of a public address, as it is kept: the body in each coding, ready to send."""

import gzip
import json
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import brotli

from concertbook.http.compression import best_coding
from concertbook.http.fast_path import Answer

Header = tuple[str, str]

IDENTITY = ""
CODINGS = ("br", "gzip")
# The compressed form of a shorter body may be longer, and saves no packet.
SHORTEST_COMPRESSED = 200
# Higher levels take ten times as long for a tenth less.
BROTLI_QUALITY = 5
GZIP_LEVEL = 6
# Made anew for each coding.
OWN = {"content-length", "etag", "content-encoding"}
NOT_MODIFIED = "304 Not Modified"
NOT_IN_304 = {"content-type", "content-length", "content-encoding", "content-language"}
HEAD_LENGTH = struct.Struct("!I")


@dataclass(frozen=True)
class PublicAnswer:
    """Status, headers without those of a coding, and the body by coding.

    ``etag`` is the identity's; a coding has its own, with the coding's name appended.
    """

    status: str
    headers: tuple[Header, ...]
    etag: str
    bodies: Mapping[str, bytes]

    @classmethod
    def of(cls, status: str, headers: Iterable[Header], body: bytes) -> "PublicAnswer":
        """Compress Django's answer to a request that accepts no coding."""
        named = {name.lower(): value for name, value in headers}
        varies = [each.strip() for each in named.get("vary", "").split(",")]
        others = [each for each in varies if each.lower() not in ("", "accept-encoding")]
        kept = [(name, value) for name, value in headers if name.lower() not in {*OWN, "vary"}]
        return cls(
            status=status,
            headers=(*kept, ("Vary", ", ".join([*others, "Accept-Encoding"]))),
            etag=named.get("etag", "").removeprefix("W/").strip('"'),
            bodies=_bodies(body),
        )

    @property
    def size(self) -> int:
        """Bytes in memory, roughly."""
        return sum(map(len, self.bodies.values())) + 1000

    def answer(self, environ: Mapping[str, Any]) -> Answer:
        """The answer to one request: 200 or the status it has, 304, or a HEAD's."""
        coding = best_coding(environ.get("HTTP_ACCEPT_ENCODING", ""), CODINGS)
        if coding not in self.bodies:
            coding = IDENTITY
        etag = f'"{self.etag}-{coding}"' if coding else f'"{self.etag}"'
        if self.etag and _matches(environ.get("HTTP_IF_NONE_MATCH"), etag):
            kept = [each for each in self.headers if each[0].lower() not in NOT_IN_304]
            return NOT_MODIFIED, [*kept, ("ETag", etag)], b""
        body = self.bodies[coding]
        headers = [*self.headers, ("Content-Length", str(len(body)))]
        if self.etag:
            headers.append(("ETag", etag))
        if coding:
            headers.append(("Content-Encoding", coding))
        return self.status, headers, b"" if environ["REQUEST_METHOD"] == "HEAD" else body

    def dump(self) -> bytes:
        lengths = {coding: len(body) for coding, body in self.bodies.items()}
        head = json.dumps([self.status, self.headers, self.etag, lengths]).encode()
        return b"".join([HEAD_LENGTH.pack(len(head)), head, *self.bodies.values()])

    @classmethod
    def load(cls, dumped: bytes) -> "PublicAnswer":
        """Raises ValueError, TypeError or struct.error for what ``dump`` did not write."""
        (length,) = HEAD_LENGTH.unpack_from(dumped)
        at = HEAD_LENGTH.size + length
        status, headers, etag, lengths = json.loads(dumped[HEAD_LENGTH.size : at])
        bodies = {}
        for coding, length in lengths.items():
            bodies[coding] = dumped[at : at + length]
            at += length
        return cls(status, tuple((name, value) for name, value in headers), etag, bodies)


def _bodies(body: bytes) -> dict[str, bytes]:
    bodies = {IDENTITY: body}
    if len(body) >= SHORTEST_COMPRESSED:
        bodies["br"] = brotli.compress(body, quality=BROTLI_QUALITY)
        # Without the time: equal bodies have equal bytes in every process.
        bodies["gzip"] = gzip.compress(body, GZIP_LEVEL, mtime=0)
    return bodies


def _matches(if_none_match: str | None, etag: str) -> bool:
    """Weak comparison, as for GET (RFC 9110, 13.1.2)."""
    if if_none_match is None:
        return False
    known = {each.strip().removeprefix("W/") for each in if_none_match.split(",")}
    return etag in known or "*" in known
