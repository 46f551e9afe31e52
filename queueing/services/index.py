"""Keep the index of the line true to the table: follow each tick, build it anew when it is lost."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.db import connection, transaction
from django.db.models import Exists, Max, OuterRef, Q, QuerySet

from concertbook.clock import database_now
from queueing import line
from queueing.line import About, Entry, LineUnavailable, Mark
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import forecast
from queueing.services.draw import is_undrawn
from queueing.services.endings import BATCH

logger = logging.getLogger(__name__)

# Places that came free are averaged over so many seconds, lately and before.
LATELY = 30
BEFORE = 300
# Milliseconds after which a tick must have been missed: it may have died before the index heard.
BEAT_MISSED = 1_900
# Stays may end in another order than they got their history's number: look so far back again.
UNSETTLED_HISTORY = 5000


# --- Following ------------------------------------------------------------------------------------


def read_mark(room_id: int) -> Mark | None:
    """How far the index has followed; None when there is none to follow with."""
    try:
        return line.read_mark(room_id)
    except LineUnavailable:
        return None


def find_silent(room_id: int) -> list[int]:
    """Positions of people who did not ask again though they should have, idle_seconds ago.

    Nobody is silent while there is no index, for nothing would know whether they asked, nor
    while the line stands still.
    """
    rooms = WaitingRoom.objects.filter(pk=room_id, state__in=WaitingRoom.MOVING)
    idle_seconds = rooms.values_list("idle_seconds", flat=True).first()
    if idle_seconds is None:
        return []
    try:
        return line.silent(room_id, seconds=idle_seconds, limit=BATCH)
    except LineUnavailable:
        return []


def forget_silent(room_id: int, silent: Sequence[int]) -> None:
    """Expect nothing more of these: they are out of the line, now or since long."""
    try:
        line.forget_positions(room_id, silent)
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room_id)


def follow(
    room: WaitingRoom,
    mark: Mark,
    *,
    settled: int,
    now: dt.datetime,
    admitted: Sequence[Entry],
    ended: Sequence[Entry],
) -> None:
    """Let the index follow what a tick has committed.

    It is told what is true now rather than what changed, so whatever an earlier tick died before
    telling it is made good as well. Redis out of reach is for the next tick, or the builder.
    """
    if mark.undrawn and not is_undrawn(room):
        return _drop(room)
    people = QueueToken.objects.filter(room=room)
    waiting = people.filter(status=QueueToken.Status.WAITING)
    first = waiting.order_by("position").values_list("position", flat=True).first()
    try:
        line.let_in(room.pk, admitted, front=first or settled + 1)
        line.remove(room.pk, ended)
        _add_newcomers(room, mark.through, settled)
        inside = _agree_on_inside(room, sure=milliseconds(now) - mark.measured_at < BEAT_MISSED)
        _write_room(room, mark, settled=settled, now=now, inside=inside, admitted=len(admitted))
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room.pk)


def _drop(room: WaitingRoom) -> None:
    """Lots were drawn, and the order is another now: the builder makes the index anew."""
    try:
        line.drop(room.pk)
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room.pk)


def _add_newcomers(room: WaitingRoom, after: int, through: int) -> None:
    """A join is in the index before it is answered, unless something died in between."""
    newcomers = QueueToken.objects.waiting().filter(
        room=room, position__gt=after, position__lte=through
    )
    if newcomers.count() != line.count_waiting(room.pk, after=after, through=through):
        line.add(room.pk, map(entry_of, newcomers.iterator()))


def _agree_on_inside(room: WaitingRoom, *, sure: bool) -> int:
    """Stays end without the tick (a buyer has paid), and a tick may have died half-way."""
    active = QueueToken.objects.active().filter(room=room)
    inside = active.count()
    if not sure or inside != line.count_inside(room.pk):
        line.replace_inside(room.pk, map(entry_of, active.iterator()))
    return inside


def _write_room(
    room: WaitingRoom, mark: Mark, *, settled: int, now: dt.datetime, inside: int, admitted: int
) -> None:
    measured_at = milliseconds(now)
    seconds = max(0.001, (measured_at - mark.measured_at) / 1000)
    freed = max(0, mark.inside + admitted - inside) / seconds
    mark = Mark(
        through=settled,
        inside=inside,
        measured_at=measured_at,
        freed_lately=forecast.average(mark.freed_lately, freed, seconds=seconds, over=LATELY),
        freed_before=forecast.average(mark.freed_before, freed, seconds=seconds, over=BEFORE),
        undrawn=int(is_undrawn(room)),
    )
    line.write_room(room.pk, about=about(room, mark), mark=mark)


def about(room: WaitingRoom, mark: Mark) -> About:
    """What a poll is to be told of the room."""
    pace = forecast.pace(
        room,
        inside=mark.inside,
        freed_lately=mark.freed_lately,
        freed_before=mark.freed_before,
    )
    return About(
        slug=room.slug,
        state=room.state,
        opens_at=milliseconds(room.opens_at) if room.opens_at else 0,
        fast=pace.fast,
        slow=pace.slow,
    )


def unmeasured(room: WaitingRoom) -> Mark:
    """What to assume of a full room whose pace nobody has measured yet."""
    return Mark(
        through=0,
        inside=room.capacity,
        measured_at=0,
        freed_lately=0,
        freed_before=0,
        undrawn=0,
    )


def entry_of(token: QueueToken) -> Entry:
    inside_until = token.expires_at if token.is_admitted else None
    return Entry(
        person=token.pk.bytes + token.user_id.bytes,
        position=token.position,
        expires_at=milliseconds(inside_until) if inside_until else None,
    )


def milliseconds(moment: dt.datetime) -> int:
    """Since 1970, the line's way to tell a time."""
    return round(moment.timestamp() * 1000)


def forget(room_id: int, ended: Sequence[Entry]) -> None:
    """These have left, by a commit; should this not reach Redis, they go when they are silent."""
    try:
        line.remove(room_id, ended)
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room_id)


# --- Writing back ---------------------------------------------------------------------------------


def write_back_requests() -> int:
    """Write to the table when people last asked, as the index has noted; returns how many."""
    written = 0
    for room_id in rooms_with_people().values_list("pk", flat=True):
        try:
            written += sum(_write_back(room_id, batch) for batch in line.take_asked(room_id))
        except LineUnavailable:
            break
    return written


def _write_back(room_id: int, batch: list[tuple[int, int]]) -> int:
    positions, moments = zip(*batch, strict=True)
    with connection.cursor() as cursor:
        # Skips whoever is just let in, drawn or leaving: they will not miss it.
        cursor.execute(
            """
            WITH asked AS (
                SELECT token, to_timestamp(moment / 1000.0) AS at
                FROM unnest(%s::bigint[], %s::bigint[]) AS noted (position, moment)
                JOIN queueing_queuetoken USING (position)
                WHERE room_id = %s AND status = 'WAITING'
                FOR NO KEY UPDATE OF queueing_queuetoken SKIP LOCKED
            )
            UPDATE queueing_queuetoken
            SET last_request_at = greatest(last_request_at, asked.at)
            FROM asked WHERE asked.token = queueing_queuetoken.token
            """,
            [list(positions), list(moments), room_id],
        )
        return int(cursor.rowcount)


# --- Building anew --------------------------------------------------------------------------------


def build_missing() -> int:
    """Build the index of every room that has none to be trusted; returns how many were built."""
    built = 0
    for room in rooms_with_people():
        try:
            line.read_mark(room.pk)
        except LineUnavailable:
            built += _build_or_log(room)
    return built


def rooms_with_people() -> QuerySet[WaitingRoom]:
    """Rooms that are not closed, or where somebody still waits or is inside."""
    people = QueueToken.objects.live().filter(room=OuterRef("pk"))
    return WaitingRoom.objects.filter(~Q(state=WaitingRoom.State.CLOSED) | Exists(people))


def _build_or_log(room: WaitingRoom) -> bool:
    try:
        return build(room)
    except LineUnavailable:
        logger.warning("The index of room %s cannot be built: Redis is out of reach", room.pk)
        return False


def build(room: WaitingRoom) -> bool:
    """Build the room's index from the table. False when somebody else is just building it.

    Who joins meanwhile is added by the next tick, and who leaves is looked up at the end.
    """
    with _only_builder(room.pk) as alone:
        if not alone:
            return False
        line.drop(room.pk)
        settled = settled_position(room.pk)
        before = QueueEntryHistory.objects.aggregate(last=Max("pk"))["last"] or 0
        mark = Mark(
            through=settled,
            inside=QueueToken.objects.active().filter(room=room).count(),
            measured_at=milliseconds(database_now()),
            freed_lately=0,
            freed_before=0,
            undrawn=int(is_undrawn(room)),
        )
        with transaction.atomic(durable=True):
            line.build(room.pk, _people(room), about=about(room, mark), mark=mark)
        left = QueueEntryHistory.objects.filter(pk__gt=before - UNSETTLED_HISTORY)
        gone = QueueToken.objects.filter(room=room, entry__in=left)
        line.remove(room.pk, map(entry_of, gone.iterator()))
    return True


@contextmanager
def _only_builder(room_id: int) -> Iterator[bool]:
    """Alone among all builders of a room's index, for as long as this connection lives."""
    name = [f"the index of room {room_id}"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(hashtextextended(%s, 0))", name)
        (alone,) = cursor.fetchone()
        try:
            yield alone
        finally:
            if alone:
                cursor.execute("SELECT pg_advisory_unlock(hashtextextended(%s, 0))", name)


def _people(room: WaitingRoom) -> Iterator[list[Entry]]:
    """Everybody who waits or is inside, in batches; a million model instances would take long."""
    with connection.chunked_cursor() as cursor:
        cursor.execute(
            """
            SELECT uuid_send(token) || uuid_send(user_id), position,
                   CASE status WHEN 'ACTIVE' THEN round(extract(epoch FROM expires_at) * 1000) END
            FROM queueing_queuetoken WHERE room_id = %s AND status <> 'EXPIRED'
            """,
            [room.pk],
        )
        while rows := cursor.fetchmany(line.BATCH):
            yield [
                Entry(bytes(person), position, None if until is None else int(until))
                for person, position, until in rows
            ]


def settled_position(room_id: int) -> int:
    """The last number drawn of which we know that all before it are committed or gone.

    Whoever let in a visible later number would overtake an earlier one still on its way.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT queueing_settled_position(%s)", [room_id])
        (settled,) = cursor.fetchone()
    return int(settled)
