"""The states of a schedule's seats as a user sees them now: the shared snapshot (seat_snapshots),
with the user's own later changes laid over it.

The protocol between processes is in concerts.seat_index. Without Redis, the snapshot is read from
PostgreSQL, by one reader at a time in each process.
"""

import re
import secrets
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from accounts.models import User
from concertbook.db.single_flight import SingleFlight
from concertbook.errors import TooManyRequests
from concerts.seat_index import builds, own_changes
from concerts.seat_index.looks import Look, OwnChange, Person, look
from concerts.services.programme import get_schedule
from concerts.services.seat_map import Cursor
from concerts.services.seat_snapshots import (
    FREE,
    HELD,
    RESERVED,
    SeatSnapshot,
    decode,
    encode,
    read_snapshot,
)
from queueing.line.errors import AskedTooOften, LineUnavailable, UnknownPerson
from queueing.services.gate import require_admission

# The id of a snapshot. Snapshots that only their own process knows are of lines that begin with p.
CURSOR = re.compile(r"[pr][0-9a-f]{8}\.[0-9]{1,9}")
STATE_OF_OWN = {
    own_changes.FREE: FREE,
    own_changes.COOLDOWN: HELD,
    own_changes.MINE: HELD,
    own_changes.SOLD: RESERVED,
}
NO_USER = uuid.UUID(int=0)
# The schedules of which a process keeps its last snapshot.
MOST_COPIES = 64


@dataclass(frozen=True)
class SeatStates:
    """A user's view: ``own`` are states by index that replace the snapshot's, ``mine`` the indices
    of the seats that the user holds, in order."""

    snapshot: SeatSnapshot
    own: Mapping[int, int]
    mine: Sequence[int]

    @property
    def states(self) -> bytes:
        """A state for each seat."""
        if not self.own:
            return self.snapshot.states
        states = bytearray(self.snapshot.states)
        for index, state in self.own.items():
            states[index] = state
        return bytes(states)

    @property
    def numbers_taken_since(self) -> list[int]:
        """The seats that the user took after the snapshot."""
        numbers = self.snapshot.seats.numbers
        return [numbers[index] for index, state in self.own.items() if state != FREE]

    def changes_since(self, cursor: str) -> list[tuple[int, int]] | None:
        """Index and state of the seats that changed since this cursor; None if it is not known."""
        if CURSOR.fullmatch(cursor) is None:
            return None
        changed = self.snapshot.changed_since(cursor)
        if changed is None:
            return None
        states = self.states
        return [(index, states[index]) for index in sorted({*changed, *self.own})]


def seat_states(
    *, user: User, schedule_id: uuid.UUID, token: uuid.UUID | None = None
) -> SeatStates:
    """The seats for an admitted user. Raises NotFound, ScheduleCancelled, QueueNotAdmitted."""
    schedule = get_schedule(schedule_id, viewer=user)
    schedule.require_not_cancelled()
    require_admission(user=user, room_id=schedule.concert.waiting_room_id, token=token)
    return states_inside(user_id=user.pk, schedule_id=schedule_id)


def states_inside(*, user_id: uuid.UUID, schedule_id: uuid.UUID) -> SeatStates:
    """As seat_states; the caller has checked that the user may look. Raises NotFound."""
    try:
        found = look(schedule_id, user_id)
    except LineUnavailable:
        return _view(_build(schedule_id), user_id, ())
    return _view(_present(schedule_id, found), user_id, found.own)


def seat_states_by_index(
    *, user_id: uuid.UUID, schedule_id: uuid.UUID, person: Person
) -> SeatStates:
    """As seat_states, if the line's index lets the person in: without SQL, unless this call builds.

    Counts the request. Raises TooManyRequests, NotFound; and UnknownSession, UnknownPerson or
    LineUnavailable where only the database can tell.
    """
    found = _look(schedule_id, user_id, person)
    snapshot = _present(schedule_id, found)
    _require_room(snapshot, person)
    return _view(snapshot, user_id, found.own)


@dataclass(frozen=True)
class Refusable:
    """A snapshot for refusals, and the clock of the database, in ms, a little ahead.

    ``age`` in ms: what changed since may be missing. ``may_hold_seats`` unless the user never held
    a seat of the schedule, nor lately one of any other.
    """

    snapshot: SeatSnapshot
    now: int
    age: int
    may_hold_seats: bool


def look_for_refusal(*, user_id: uuid.UUID, schedule_id: uuid.UUID, person: Person) -> Refusable:
    """Counts the request, and raises, as seat_states_by_index."""
    found = _look(schedule_id, user_id, person)
    snapshot = _present(schedule_id, found)
    _require_room(snapshot, person)
    # Otherwise it was read after the look.
    is_found = snapshot.id == found.id and not found.builds
    return Refusable(
        snapshot=snapshot,
        now=found.read_at + found.age if is_found else snapshot.read_at,
        age=found.age if is_found else 0,
        may_hold_seats=(
            found.held_lately or bool(found.own) or user_id.bytes in snapshot.ever_held
        ),
    )


def _look(schedule_id: uuid.UUID, user_id: uuid.UUID, person: Person) -> Look:
    try:
        return look(schedule_id, user_id, person)
    except AskedTooOften as often:
        raise TooManyRequests(retry_after=often.retry_after) from None


def _require_room(snapshot: SeatSnapshot, person: Person) -> None:
    """Raises UnknownPerson for what the line's index cannot judge."""
    facts = snapshot.facts
    # Inside a rehearsal's room are only its own buyers.
    if facts.room_id != person.room_id or facts.is_cancelled:
        raise UnknownPerson


def recent_snapshot(schedule_id: uuid.UUID) -> SeatSnapshot:
    """The present snapshot, at most a few seconds old. Raises NotFound."""
    try:
        found = look(schedule_id, NO_USER)
    except LineUnavailable:
        return _build(schedule_id)
    return _present(schedule_id, found)


def last_copy(schedule_id: uuid.UUID) -> SeatSnapshot | None:
    """The snapshot that this process saw last, however old. Without any round trip."""
    return _copies.get(schedule_id)


def _view(snapshot: SeatSnapshot, user_id: uuid.UUID, own: Sequence[OwnChange]) -> SeatStates:
    mine = snapshot.held_by.get(user_id.bytes, [])
    later = _later(snapshot, own) if own else {}
    if later:
        held = {index for index, change in later.items() if change.state == own_changes.MINE}
        mine = sorted(held.union(mine) - (later.keys() - held))
    return SeatStates(
        snapshot, {index: STATE_OF_OWN[change.state] for index, change in later.items()}, mine
    )


def _later(snapshot: SeatSnapshot, own: Sequence[OwnChange]) -> dict[int, OwnChange]:
    """By index, those of these changes that the snapshot does not contain."""
    index_of = snapshot.seats.index
    found = ((index_of.get(change.number), change) for change in own)
    return {
        index: change
        for index, change in found
        if index is not None and change.version > snapshot.versions[index]
    }


def _present(schedule_id: uuid.UUID, found: Look) -> SeatSnapshot:
    """The snapshot that was found, from this process or Redis; a new one if this reader builds."""
    if found.builds:
        return _build(schedule_id)
    copy = _copies.get(schedule_id)
    if copy is None or copy.id != found.id:
        copy = _fetch(schedule_id)
    return copy or _build(schedule_id)


def _build(schedule_id: uuid.UUID) -> SeatSnapshot:
    """A snapshot that was read after this call. Raises NotFound."""
    return _flights.do(schedule_id, partial(_build_next, schedule_id))


def _build_next(schedule_id: uuid.UUID) -> SeatSnapshot:
    before = _copies.get(schedule_id)
    try:
        build = builds.begin(schedule_id)
    except LineUnavailable:
        now, is_new = _next(before, schedule_id, follows=_is_own(before))
        return _keep(now)
    if build.present and (before is None or before.id != build.present):
        before = _fetch(schedule_id) or before
    follows = before is not None and before.id == build.present
    if before and follows and build.cursor:
        # Another process may have read further, and found no change.
        before = replace(before, cursor=Cursor.parse(build.cursor))
    now, is_new = _next(before, schedule_id, follows=follows, kind="r")
    try:
        is_stored = builds.store(
            schedule_id,
            build,
            id=now.id,
            cursor=str(now.cursor),
            read_at=now.read_at,
            seats=encode(now) if is_new else None,
        )
    except LineUnavailable:
        is_stored = False
    # Another snapshot may have been stored under this id.
    return _keep(now if is_stored else now.begins(_new_line("p")))


def _next(
    before: SeatSnapshot | None, schedule_id: uuid.UUID, *, follows: bool, kind: str = "p"
) -> tuple[SeatSnapshot, bool]:
    """The seats now, and whether they differ from ``before``.

    It ``follows`` in the same line unless the plan is another; otherwise it begins a new one.
    """
    now, changed = read_snapshot(schedule_id, before)
    if before is None or not follows or now.plan != before.plan:
        return now.begins(_new_line(kind)), True
    if changed or now.facts != before.facts:
        return now.follows(before, changed), True
    return replace(now, cache=before.cache), False


def _new_line(kind: str) -> str:
    return kind + secrets.token_hex(4)


def _is_own(copy: SeatSnapshot | None) -> bool:
    """Whether only this process knows the line."""
    return copy is not None and copy.line.startswith("p")


def _fetch(schedule_id: uuid.UUID) -> SeatSnapshot | None:
    """The snapshot in Redis, None if it was lost."""
    try:
        encoded = builds.fetch(schedule_id)
    except LineUnavailable:
        return None
    return None if encoded is None else _keep(decode(schedule_id, encoded))


def _keep(snapshot: SeatSnapshot) -> SeatSnapshot:
    copies = _copies
    copies.pop(snapshot.schedule_id, None)
    copies[snapshot.schedule_id] = snapshot
    while len(copies) > MOST_COPIES:
        copies.pop(next(iter(copies)), None)
    return snapshot


_copies: dict[uuid.UUID, SeatSnapshot] = {}
_flights: SingleFlight[SeatSnapshot] = SingleFlight()
