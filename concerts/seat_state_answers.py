"""The answer with the states of seats, for the API and the fast path: status, headers and body.

What all readers share is written and compressed once for each snapshot, and each reader's own
seats are added to it.
"""

from base64 import urlsafe_b64encode
from hashlib import blake2s

from django.utils.http import parse_etags

from concertbook.http.compression import accepts_gzip
from concertbook.http.fast_path import render
from concertbook.http.gzip_head import GzipHead
from concerts.services.seat_snapshots import pack
from concerts.services.seat_states import SeatStates

SeatAnswer = tuple[int, dict[str, str], bytes]
CACHED = "private, no-cache"
# The endings of the ETags of the two codings.
PLAIN, GZIPPED = "", "-gz"
# The answers that are kept with a snapshot.
MOST_CACHED = 300


def answer(
    view: SeatStates, *, since: str | None, if_none_match: str = "", accept_encoding: str = ""
) -> SeatAnswer:
    """The whole states, or with a cursor that is known what changed since it."""
    tag = _tag(view, since)
    coding = GZIPPED if accepts_gzip(accept_encoding) else PLAIN
    headers = {"ETag": f'"{tag}{coding}"', "Cache-Control": CACHED, "Vary": "Accept-Encoding"}
    tags = {f'"{tag}{each}"' for each in (PLAIN, GZIPPED)}
    if if_none_match and matches(tags, if_none_match):
        return 304, headers, b""
    head, tail = _head(view, since), _tail(view)
    if coding:
        return 200, headers | {"Content-Encoding": "gzip"}, head.with_tail(tail)
    return 200, headers, head.plain + tail


def _tag(view: SeatStates, since: str | None) -> str:
    parts = [view.snapshot.id]
    if since is not None:
        parts.append(since)
    if view.mine or view.own:
        own = repr((list(view.mine), sorted(view.own.items())))
        parts.append(blake2s(own.encode(), digest_size=8).hexdigest())
    return "-".join(parts)


def matches(tags: set[str], if_none_match: str) -> bool:
    """Whether the header names one of these ETags; of any coding, as each has the same content."""
    wanted = {each.removeprefix("W/") for each in parse_etags(if_none_match)}
    return "*" in wanted or not wanted.isdisjoint(tags)


def _head(view: SeatStates, since: str | None) -> GzipHead:
    if view.own:
        return GzipHead(_write_head(view, since), level=1)
    cache: dict[object, GzipHead] = view.snapshot.cache
    key = "states", since
    if key not in cache:
        head = GzipHead(_write_head(view, since))
        if len(cache) > MOST_CACHED:
            return head
        cache[key] = head
    return cache[key]


def _write_head(view: SeatStates, since: str | None) -> bytes:
    """The answer up to the reader's own seats."""
    body: dict[str, object] = {"plan": view.snapshot.plan, "cursor": view.snapshot.id}
    changes = None if since is None else view.changes_since(since)
    if changes is None:
        body["states"] = urlsafe_b64encode(pack(view.states)).rstrip(b"=").decode()
    else:
        body["changes"] = changes
    return render(body | {"mine": None}).removesuffix(b"null}")


def _tail(view: SeatStates) -> bytes:
    return render(view.mine) + b"}"
