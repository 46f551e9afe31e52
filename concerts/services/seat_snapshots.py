"""Snapshots of a schedule's seats: what is taken, by whom, and from when it may be free.

A snapshot is read from PostgreSQL by one statement: the first time all seats, later those that
changed since the snapshot before. Once a minute all of them again, which repairs what was changed
without a history line (an extended hold, an operator's SQL).
"""

import json
import uuid
from array import array
from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from concertbook.db.statements import fetch_first
from concertbook.errors import NotFound
from concerts.services.seat_map import Cursor, cursor_of
from concerts.services.seat_plans import PlanIndex, plan_index, present_version

# Two bits a seat.
FREE, HELD, RESERVED, NOT_FOR_SALE = STATES = range(4)
READ_ALL_AFTER = 60_000
# The generations of which a snapshot knows what changed, and their seats in all.
MOST_GENERATIONS = 240
MOST_CHANGES = 20_000


@dataclass(frozen=True)
class SaleFacts:
    """The schedule's rules as of the snapshot; times in ms since 1970."""

    room_id: int
    purchase_limit: int
    reserve_from: int
    reserve_until: int
    is_cancelled: bool


@dataclass(frozen=True)
class SeatSnapshot:
    """The seats of a schedule in the order of its plan, by index.

    ``states`` has a byte for each seat, ``versions`` the number of its changes. ``until`` has the
    time, in ms since 1970, before which a taken seat cannot become free by itself: the end of its
    hold or cooldown. ``holders`` are the bytes of the users who hold seats, ``ever_held`` of all
    who ever held one. ``read_at`` is the database's clock, ``all_read_at`` that of the last
    reading of all seats.

    ``line`` and ``generation`` are its id: of one line each generation follows the one before, and
    ``changed`` lists the seats that the last generations changed, oldest first.
    """

    schedule_id: uuid.UUID
    plan: str
    facts: SaleFacts
    cursor: Cursor
    read_at: int
    all_read_at: int
    states: bytes
    versions: "array[int]"
    until: Mapping[int, int]
    holders: Mapping[int, bytes]
    ever_held: Set[bytes]
    line: str = ""
    generation: int = 0
    changed: tuple[tuple[int, ...], ...] = ()
    # Cached answers about this snapshot.
    cache: dict[Any, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def id(self) -> str:
        return f"{self.line}.{self.generation}"

    @cached_property
    def held_by(self) -> Mapping[bytes, list[int]]:
        """The indices that each user holds, by the user's bytes."""
        found: dict[bytes, list[int]] = {}
        for index, holder in self.holders.items():
            found.setdefault(holder, []).append(index)
        return {holder: sorted(indices) for holder, indices in found.items()}

    @property
    def seats(self) -> PlanIndex:
        return plan_index(self.schedule_id, self.plan)

    def changed_since(self, id: str) -> list[int] | None:
        """The seats that changed since the snapshot with this id; None if it is not known."""
        line, _dot, text = id.partition(".")
        generations = self.generation - int(text)
        if line != self.line or not 0 <= generations <= len(self.changed):
            return None
        recent = self.changed[len(self.changed) - generations :]
        return sorted({index for changes in recent for index in changes})

    def begins(self, line: str) -> "SeatSnapshot":
        """The same seats as the first generation of another line."""
        return replace(self, line=line, generation=1, changed=(), cache={})

    def follows(self, other: "SeatSnapshot", changed: Iterable[int]) -> "SeatSnapshot":
        """As the next generation after ``other``, of which these seats are changed."""
        history = (*other.changed, tuple(changed))[-MOST_GENERATIONS:]
        while sum(map(len, history)) > MOST_CHANGES:
            history = history[1:]
        return replace(
            self, line=other.line, generation=other.generation + 1, changed=history, cache={}
        )


def pack(states: bytes) -> bytes:
    """Two bits for each state, the first one in the lowest bits."""
    size = (len(states) + 3) // 4
    padded = states.ljust(4 * size, b"\0")
    # As whole numbers, which takes a thousandth of the time of a loop.
    quarters = (int.from_bytes(padded[n::4], "little") << 2 * n for n in range(4))
    packed = 0
    for quarter in quarters:
        packed |= quarter
    return packed.to_bytes(size, "little")


def read_snapshot(
    schedule_id: uuid.UUID, before: SeatSnapshot | None = None
) -> tuple[SeatSnapshot, Set[int]]:
    """The seats now, and which of them changed since ``before``, an earlier snapshot.

    A seat that changed and changed back is changed, too. The line and generation are those of
    ``before``. Raises NotFound.
    """
    if before is None:
        return _snapshot_of(_read(schedule_id, None)), frozenset()
    if before.read_at < before.all_read_at + READ_ALL_AFTER:
        reading = _read(schedule_id, before)
        if reading.plan == before.plan and reading.cursor.next >= before.cursor.next:
            return _merged(before, reading)
    # Also for another plan, and for an older database: restored from a dump.
    now = _snapshot_of(_read(schedule_id, None))
    now = replace(now, line=before.line, generation=before.generation, changed=before.changed)
    return now, _differences(before, now)


@dataclass(frozen=True)
class _Reading:
    """What a statement found: the seats of these numbers, with a code and a version for each.

    ``until`` is of the held and cooling seats, ``holders`` (16 bytes each) of the held ones, both
    in the order of the numbers. ``ever_held`` are users of holds among the changes.
    """

    schedule_id: uuid.UUID
    plan: str
    facts: SaleFacts
    cursor: Cursor
    read_at: int
    numbers: list[int]
    codes: str
    versions: list[int]
    until: list[int]
    holders: bytes
    ever_held: Set[bytes]


# The codes of a reading.
STATE_OF = {"A": FREE, "C": HELD, "H": HELD, "R": RESERVED}
OF_ALL = "TRUE"
# A change that was committed after the cursor, or made by our own transaction. Higher ids are from
# the cluster of a restored dump.
SINCE_CURSOR = """
    line.xid BETWEEN %(oldest)s
        AND greatest(pg_snapshot_xmax(pg_current_snapshot()),
                     pg_current_xact_id_if_assigned())::text::bigint
    AND NOT pg_visible_in_snapshot(line.xid::text::xid8, %(snapshot)s::pg_snapshot)
"""


def _read(schedule_id: uuid.UUID, before: SeatSnapshot | None) -> _Reading:
    """All seats, or those that changed since ``before``. One statement, unless the schedule has no
    present plan. Raises NotFound."""
    params: dict[str, Any] = {"schedule": schedule_id}
    if before is None:
        seats = OF_ALL
        lines = "TRUE"
    else:
        params |= {"oldest": before.cursor.oldest, "snapshot": before.cursor.snapshot}
        lines = SINCE_CURSOR
        seats = (
            "seat.id IN (SELECT line.seat_id FROM concerts_seatstatushistory AS line"
            f" WHERE {lines})"
        )
    row = fetch_first(
        f"""
        WITH moment AS MATERIALIZED (SELECT clock_timestamp() AS now)
        SELECT schedule.seat_plan, concert.waiting_room_id, schedule.purchase_limit,
               floor(extract(epoch FROM schedule.reserve_from) * 1000)::bigint,
               floor(extract(epoch FROM schedule.reserve_until) * 1000)::bigint,
               schedule.cancelled_at IS NOT NULL,
               pg_current_snapshot()::text,
               floor(extract(epoch FROM moment.now) * 1000)::bigint,
               pg_current_xact_id_if_assigned()::text,
               found.*, (
                   SELECT string_agg(DISTINCT line.changed_by_id::text, '')
                   FROM concerts_seatstatushistory AS line
                   JOIN concerts_seat AS seat ON seat.id = line.seat_id
                   WHERE seat.schedule_id = %(schedule)s AND line.to_status = 'HELD' AND {lines}
               )
        FROM moment, concerts_concertschedule AS schedule
        JOIN concerts_concert AS concert ON concert.id = schedule.concert_id,
        LATERAL (
            SELECT array_agg(number), string_agg(code, ''), array_agg(version),
                   array_agg(until) FILTER (WHERE code IN ('H', 'C')), string_agg(holder, '')
            FROM (
                SELECT number, version,
                       CASE WHEN status = 'HELD' THEN 'H'
                            WHEN status IN ('RESERVED', 'BLOCKED') THEN 'R'
                            WHEN available_from > moment.now THEN 'C' ELSE 'A' END AS code,
                       coalesce(floor(extract(epoch FROM hold_expires_at) * 1000),
                                ceil(extract(epoch FROM available_from) * 1000))::bigint AS until,
                       held_by_id::text AS holder
                FROM concerts_seat AS seat
                WHERE seat.schedule_id = %(schedule)s AND {seats}
                ORDER BY number
            ) AS seat
        ) AS found
        WHERE schedule.id = %(schedule)s
        """,
        params,
    )
    if row is None:
        raise NotFound
    plan, room_id, limit, opens, closes, is_cancelled, *rest = row
    snapshot, read_at, own, numbers, codes, versions, until, holders, ever_held = rest
    if not plan:
        present_version(schedule_id)
        return _read(schedule_id, before)
    return _Reading(
        schedule_id=schedule_id,
        plan=plan,
        facts=SaleFacts(room_id, limit, opens, closes, is_cancelled),
        cursor=cursor_of(snapshot, read_at, own),
        read_at=read_at,
        numbers=numbers or [],
        codes=codes or "",
        versions=versions or [],
        until=until or [],
        holders=bytes.fromhex((holders or "").replace("-", "")),
        ever_held=frozenset(_sixteens(bytes.fromhex((ever_held or "").replace("-", "")))),
    )


def _sixteens(ids: bytes) -> Iterator[bytes]:
    return (ids[start : start + 16] for start in range(0, len(ids), 16))


def _snapshot_of(reading: _Reading) -> SeatSnapshot:
    """The snapshot of a reading of all seats."""
    index = plan_index(reading.schedule_id, reading.plan).index
    nothing = SeatSnapshot(
        schedule_id=reading.schedule_id,
        plan=reading.plan,
        facts=reading.facts,
        cursor=reading.cursor,
        read_at=reading.read_at,
        all_read_at=reading.read_at,
        states=bytes([NOT_FOR_SALE]) * len(index),
        versions=array("I", bytes(4 * len(index))),
        until={},
        holders={},
        ever_held=frozenset(),
    )
    return _merged(nothing, reading)[0]


def _merged(before: SeatSnapshot, reading: _Reading) -> tuple[SeatSnapshot, Set[int]]:
    """The snapshot with what was read, and the seats that changed."""
    states, versions = bytearray(before.states), array("I", before.versions)
    until, holders = dict(before.until), dict(before.holders)
    changed = set()
    for index, over_at in before.until.items():
        if over_at <= reading.read_at and index not in holders:
            # A cooldown is over.
            states[index] = FREE
            del until[index]
            changed.add(index)
    index_of = plan_index(before.schedule_id, before.plan).index
    ends, ids = iter(reading.until), _sixteens(reading.holders)
    found = zip(reading.numbers, reading.codes, reading.versions, strict=True)
    for number, code, version in found:
        ends_at = next(ends) if code in "HC" else None
        holder = next(ids) if code == "H" else None
        if number not in index_of:
            # A seat of a later plan.
            continue
        index = index_of[number]
        changed.add(index)
        states[index] = STATE_OF[code]
        versions[index] = version
        _put(until, index, ends_at)
        _put(holders, index, holder)
    after = replace(
        before,
        facts=reading.facts,
        cursor=reading.cursor,
        read_at=reading.read_at,
        states=bytes(states),
        versions=versions,
        until=until,
        holders=holders,
        ever_held=before.ever_held | reading.ever_held if reading.ever_held else before.ever_held,
        cache={},
    )
    return after, changed


def _put(values: dict[int, Any], index: int, value: Any) -> None:
    if value is None:
        values.pop(index, None)
    else:
        values[index] = value


def _differences(before: SeatSnapshot, now: SeatSnapshot) -> Set[int]:
    if before.plan != now.plan:
        return frozenset(range(len(now.states)))
    seats = zip(before.states, before.versions, now.states, now.versions, strict=True)
    changed = {
        index
        for index, (state, version, new_state, new_version) in enumerate(seats)
        if (state, version) != (new_state, new_version)
    }
    for name in ("until", "holders"):
        items = getattr(before, name).items() ^ getattr(now, name).items()
        changed |= {index for index, _value in items}
    return changed


def encode(snapshot: SeatSnapshot) -> bytes:
    """The snapshot as bytes, for processes of this machine architecture."""
    until, holders = snapshot.until, snapshot.holders
    parts = [
        snapshot.states,
        snapshot.versions.tobytes(),
        array("I", until).tobytes(),
        array("Q", until.values()).tobytes(),
        array("I", holders).tobytes(),
        b"".join(holders.values()),
        b"".join(snapshot.ever_held),
    ]
    header = {
        "plan": snapshot.plan,
        "facts": asdict(snapshot.facts),
        "cursor": str(snapshot.cursor),
        "read_at": snapshot.read_at,
        "all_read_at": snapshot.all_read_at,
        "line": snapshot.line,
        "generation": snapshot.generation,
        "changed": snapshot.changed,
        "sizes": list(map(len, parts)),
    }
    return b"\n".join([json.dumps(header).encode(), b"".join(parts)])


def decode(schedule_id: uuid.UUID, encoded: bytes) -> SeatSnapshot:
    """What encode was given."""
    line, _newline, rest = encoded.partition(b"\n")
    header = json.loads(line)
    parts = []
    for size in header.pop("sizes"):
        parts.append(rest[:size])
        rest = rest[size:]
    states, versions, until_of, until, held, holders, ever_held = parts
    return SeatSnapshot(
        schedule_id=schedule_id,
        facts=SaleFacts(**header.pop("facts")),
        cursor=Cursor.parse(header.pop("cursor")),
        changed=tuple(map(tuple, header.pop("changed"))),
        states=states,
        versions=array("I", versions),
        until=dict(zip(array("I", until_of), array("Q", until), strict=True)),
        holders=dict(zip(array("I", held), _sixteens(holders), strict=True)),
        ever_held=frozenset(_sixteens(ever_held)),
        **header,
    )
