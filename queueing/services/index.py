"""Keep the index of the line true to the table: follow each tick, build it anew when it is lost."""

import datetime as dt
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace

from django.db import connection, transaction
from django.db.models import Max, OuterRef, Q, QuerySet, Subquery

from concertbook.db.clock import database_now
from queueing import line
from queueing.line import About, Entry, LineUnavailable, Mark
from queueing.models import QueueEntryHistory, QueueToken, QueueTokenQuerySet, WaitingRoom
from queueing.services import forecast
from queueing.services.draw import is_undrawn
from queueing.services.endings import BATCH

logger = logging.getLogger(__name__)

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
# Places that came free are averaged over so many seconds, lately and before.
LATELY = 30
BEFORE = 300
# Positions that one tick compares, so that none takes long after many were missed.
COMPARED = 20_000
# Stays may end in another order than they got their history's number: look so far back again.
UNSETTLED_HISTORY = 5000


# --- Following ------------------------------------------------------------------------------------


def read_mark(room_id: int) -> Mark | None:
    """How far the index has followed; None when there is none to follow with."""
    try:
        return line.read_mark(room_id)
    except LineUnavailable:
        return None


def find_silent(room: WaitingRoom, mark: Mark | None, now: dt.datetime) -> list[int]:
    """Positions of people who did not ask again though they should have, idle_seconds ago.

    Nobody is silent while there is no index, for nothing would know whether they asked, nor
    while the line stands still, nor for as long again when it moves on. The caller holds the
    room's lock: who asks from now on is in time for the next tick.
    """
    moving_since = mark.moving_since if mark else 0
    if not moving_since or milliseconds(now) - moving_since < room.idle_seconds * 1000:
        return []
    try:
        return line.silent(room.pk, seconds=room.idle_seconds, limit=BATCH)
    except LineUnavailable:
        return []


def follow(
    room: WaitingRoom,
    mark: Mark,
    *,
    settled: int,
    now: dt.datetime,
    full: bool,
    admitted: Sequence[Entry],
    ended: Sequence[Entry],
    silent: Sequence[int],
) -> None:
    """Let the index follow what a tick has committed.

    It is told what is true now rather than what changed, so whatever an earlier tick died before
    telling it is made good as well. Redis out of reach is for the next tick, or the builder.
    ``full`` says that places inside, not the doors, set the pace.
    """
    if mark.undrawn and not is_undrawn(room):
        return _drop(room)
    through = min(settled, mark.through + COMPARED)
    try:
        # Whoever waits in a closed room hears from the index that it is over.
        if room.state != WaitingRoom.State.CLOSED:
            line.let_in(room.pk, admitted, front=_front(room, settled), server=mark.server)
            line.remove(room.pk, ended)
            _add_newcomers(room, mark.through, through)
            _forget_silent(room, silent)
        inside = _agree_on_inside(room)
        measured = _measure(room, mark, now=now, inside=inside, admitted=len(admitted), full=full)
        mark = replace(measured, through=through)
        line.write_room(room.pk, about=about(room, mark, full=full), mark=mark)
    except LineUnavailable:
        logger.warning("The index of room %s does not follow", room.pk)


def _front(room: WaitingRoom, settled: int) -> int:
    """Nobody waits before this position."""
    waiting = QueueToken.objects.waiting().filter(room=room).order_by("position")
    return waiting.values_list("position", flat=True).first() or settled + 1


def _forget_silent(room: WaitingRoom, silent: Sequence[int]) -> None:
    """Expect nothing more of those who are out of the line, now or since long."""
    waiting = QueueToken.objects.waiting().filter(room=room, position__in=silent)
    still = set(waiting.values_list("position", flat=True)) if silent else set()
    line.forget_positions(room.pk, [position for position in silent if position not in still])


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
        rows = newcomers.values_list("token", "user_id", "position").iterator()
        line.add(room.pk, (Entry(token.bytes + user.bytes, at) for token, user, at in rows))


def _agree_on_inside(room: WaitingRoom) -> int:
    """Stays end and are extended without the tick, and a tick may have died half-way."""
    inside = _sum_inside(room)
    if inside != line.sum_inside(room.pk):
        active = QueueToken.objects.active().filter(room=room)
        line.replace_inside(room.pk, map(entry_of, active.iterator()))
    count, _sum = inside
    return count


def _sum_inside(room: WaitingRoom) -> tuple[int, int]:
    """What line.sum_inside says of the index, of the table."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT count(*), coalesce(sum(position + mod(
                floor(extract(epoch FROM expires_at) * 1000)::bigint, 1000000000)), 0)::bigint
            FROM queueing_queuetoken WHERE room_id = %s AND status = 'ACTIVE'
            """,
            [room.pk],
        )
        count, total = cursor.fetchone()
    return count, total


def _measure(
    room: WaitingRoom, mark: Mark, *, now: dt.datetime, inside: int, admitted: int, full: bool
) -> Mark:
    measured_at = milliseconds(now)
    # A room that has places, or stands still, tells nothing of how fast people leave a full one.
    if full and room.is_moving:
        seconds = max(0.001, (measured_at - mark.measured_at) / 1000)
        freed = max(0, mark.inside + admitted - inside) / seconds
        mark = _average(mark, freed, seconds=seconds)
    return replace(
        mark,
        inside=inside,
        measured_at=measured_at,
        moving_since=(mark.moving_since or measured_at) if room.is_moving else 0,
        undrawn=int(is_undrawn(room)),
    )


def _average(mark: Mark, freed: float, *, seconds: float) -> Mark:
    """Over as long as there is something to average, at most."""
    so_far = mark.measured_for + seconds
    lately, before = min(LATELY, so_far), min(BEFORE, so_far)
    return replace(
        mark,
        freed_lately=forecast.average(mark.freed_lately, freed, seconds=seconds, over=lately),
        freed_before=forecast.average(mark.freed_before, freed, seconds=seconds, over=before),
        measured_for=so_far,
    )


def about(room: WaitingRoom, mark: Mark, *, full: bool) -> About:
    """What a poll is to be told of the room. ``full`` as in follow."""
    pace = forecast.pace(
        room,
        full=full,
        freed_lately=mark.freed_lately,
        freed_before=mark.freed_before,
        measured_for=mark.measured_for,
    )
    return About(
        slug=room.slug,
        state=room.state,
        opens_at=milliseconds(room.opens_at) if room.opens_at else 0,
        fast=pace.fast,
        slow=pace.slow,
    )


def unmeasured(room: WaitingRoom) -> Mark:
    """What to assume of a room whose pace nobody has measured yet."""
    return Mark(
        through=0,
        inside=0,
        measured_at=0,
        freed_lately=0,
        freed_before=0,
        measured_for=0,
        undrawn=0,
        moving_since=0,
    )


def entry_of(token: QueueToken) -> Entry:
    inside_until = token.expires_at if token.is_admitted else None
    return Entry(
        person=token.pk.bytes + token.user_id.bytes,
        position=token.position,
        expires_at=milliseconds(inside_until) if inside_until else None,
    )


def milliseconds(moment: dt.datetime) -> int:
    """Whole ones since 1970, the line's way to tell a time."""
    return (moment - EPOCH) // dt.timedelta(milliseconds=1)


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
    rooms = WaitingRoom.objects.annotate(
        first_waiting=_first(QueueToken.objects.waiting(), "position"),
        first_active=_first(QueueToken.objects.active(), "expires_at"),
    )
    closed = Q(state=WaitingRoom.State.CLOSED)
    return rooms.filter(~closed | Q(first_waiting__isnull=False) | Q(first_active__isnull=False))


def _first(tokens: QueueTokenQuerySet, along: str) -> Subquery:
    """By its order the index on (room, ``along``) is used, and not every token read for a room."""
    of_room = tokens.filter(room=OuterRef("pk")).order_by(along)
    return Subquery(of_room.values(along)[:1])


def _build_or_log(room: WaitingRoom) -> bool:
    try:
        return build(room)
    except LineUnavailable:
        logger.warning("The index of room %s cannot be built: Redis is out of reach", room.pk)
    except Exception:
        # One room's trouble is not the other rooms'.
        logger.exception("The index of room %s cannot be built", room.pk)
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
        inside = QueueToken.objects.active().filter(room=room).count()
        now = milliseconds(database_now())
        mark = replace(
            unmeasured(room),
            through=settled,
            inside=inside,
            measured_at=now,
            undrawn=int(is_undrawn(room)),
            moving_since=now if room.is_moving else 0,
        )
        told = about(room, mark, full=inside >= room.capacity)
        with transaction.atomic(durable=True):
            line.build(room.pk, _people(room), about=told, mark=mark)
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
                   CASE status WHEN 'ACTIVE' THEN floor(extract(epoch FROM expires_at) * 1000) END
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
