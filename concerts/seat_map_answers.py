"""The answers with seats and their status, all or what changed: status, headers, body.

For the API and the fast path.

Written and compressed once for each snapshot and coding, when it is first asked for.
"""

import gzip
import uuid
from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from hashlib import blake2s

import brotli

from concertbook.db.single_flight import SingleFlight
from concertbook.http.compression import best_coding
from concertbook.http.fast_path import render
from concerts.models import Seat
from concerts.seat_state_answers import CACHED, MOST_CACHED, SeatAnswer, matches
from concerts.services.seat_plans import plan_index
from concerts.services.seat_snapshots import FREE, HELD, NOT_FOR_SALE, RESERVED
from concerts.services.seat_states import SeatStates

# By the time it takes: 20,000 seats are 2.5 MB, in br 60 to 95 kB within 50 ms, in gzip 120 kB.
COMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "br": partial(brotli.compress, quality=5),
    "gzip": partial(gzip.compress, compresslevel=6, mtime=0),
}
STATUS = {FREE: Seat.Status.AVAILABLE, HELD: Seat.Status.HELD, RESERVED: Seat.Status.RESERVED}
# What is the same in a row is written side by side: 20,000 seats take a quarter less in br and a
# third less in gzip than in the order of the plan.
ORDER = ("row", "number", "label", "seat_in_row", "section", "grade", "price", "status")
# A plan of 20,000 seats takes 4 MB.
MOST_PLANS = 8


Write = Callable[[], bytes]


def answer(view: SeatStates, *, if_none_match: str, accept_encoding: str) -> SeatAnswer:
    """Every seat."""

    def write() -> bytes:
        return b'{"seats":[' + _write(view, range(len(view.states))) + b"]}"

    return _answer(view, _tag(view), ("seats",), write, if_none_match, accept_encoding)


def changes(
    view: SeatStates, *, since: str | None, if_none_match: str, accept_encoding: str
) -> SeatAnswer:
    """The seats that changed since a cursor, every seat if it is not known; and the next cursor."""
    changed = None if since is None else view.changes_since(since)

    def write() -> bytes:
        indices = range(len(view.states)) if changed is None else [index for index, _ in changed]
        cursor = f'{{"cursor":"{view.snapshot.id}","seats":['
        return cursor.encode() + _write(view, indices) + b"]}"

    known = None if changed is None else since
    tag = f"{_tag(view)}-{view.snapshot.id}-{known}"
    return _answer(view, tag, ("changes", known), write, if_none_match, accept_encoding)


def _answer(
    view: SeatStates,
    tag: str,
    key: tuple[str | None, ...],
    write: Write,
    if_none_match: str,
    accept_encoding: str,
) -> SeatAnswer:
    """``key`` is that of the body among those of the snapshot."""
    coding = best_coding(accept_encoding, tuple(COMPRESS))
    headers = {
        "ETag": f'"{tag}-{coding or "plain"}"',
        "Cache-Control": CACHED,
        "Vary": "Accept-Encoding",
    }
    tags = {f'"{tag}-{each}"' for each in (*COMPRESS, "plain")}
    if if_none_match and matches(tags, if_none_match):
        return 304, headers, b""
    if coding:
        headers["Content-Encoding"] = coding
    return 200, headers, _body(view, (*key, coding), write)


def _tag(view: SeatStates) -> str:
    """The same for the same seats, whichever snapshot shows them."""
    if view.own:
        return _hash(view)
    cache: dict[object, str] = view.snapshot.cache
    if "tag" not in cache:
        cache["tag"] = _hash(view)
    return cache["tag"]


def _hash(view: SeatStates) -> str:
    return blake2s(view.snapshot.plan.encode() + view.states, digest_size=16).hexdigest()


def _body(view: SeatStates, key: tuple[str | None, ...], write: Write) -> bytes:
    """Compressed as the end of the key says."""

    def write_compressed() -> bytes:
        return COMPRESS[key[-1]](write()) if key[-1] else write()

    if view.own:
        return write_compressed()
    cache: dict[object, bytes] = view.snapshot.cache

    def write_once() -> bytes:
        if key not in cache:
            body = write_compressed()
            if len(cache) > MOST_CACHED:
                return body
            cache[key] = body
        return cache[key]

    # One thread compresses, the others wait for it.
    return cache.get(key) or _writers.do((view.snapshot.id, *key), write_once)


_writers: SingleFlight[bytes] = SingleFlight()


def _write(view: SeatStates, indices: Iterable[int]) -> bytes:
    """The JSON of these seats, without those that are not for sale."""
    plan = _beginnings(view.snapshot.schedule_id, view.snapshot.plan)
    states = view.states
    seats = (
        f"{plan[index]}{STATUS[states[index]].value}"
        for index in indices
        if states[index] != NOT_FOR_SALE
    )
    joined = '"},'.join(seats)
    return f"{joined}{joined and END}".encode()


END = '"}'


@lru_cache(maxsize=MOST_PLANS)
def _beginnings(schedule_id: uuid.UUID, plan: str) -> list[str]:
    """The JSON of each seat up to its status."""
    seats = plan_index(schedule_id, plan).seats
    empty = ({**seat._asdict(), "status": ""} for seat in seats)
    ordered = ({name: seat[name] for name in ORDER} for seat in empty)
    return [render(seat).decode().removesuffix(END) for seat in ordered]
