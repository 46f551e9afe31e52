"""The line in Redis: an index over the queue tokens that answers a poll in one round trip.

PostgreSQL is the truth; this is rebuilt from it whenever it is missing or was lost. Every Redis
key and script of the line stands here, and nothing here knows SQL. Per room there are

- waiting  sorted set  person -> position
- due      sorted set  position -> by when they should have asked again, in ms since 1970
- asked    hash        position -> when they last asked, in ms, until it is written back
- inside   hash        person -> "position expires_at", expires_at in ms since 1970
- room     hash        what a poll must know of the room (About), and of the index (Mark)

and a counter per user and address for what they ask within ten seconds. A person is the token's
16 bytes and the user's 16 bytes: whoever asks with somebody else's token is not found. Every
function raises LineUnavailable when Redis cannot be reached.
"""

import functools
import random
import re
import threading
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha1
from itertools import islice
from typing import Any, TypeVar

import redis
from django.conf import settings
from redis.exceptions import NoScriptError

Thing = TypeVar("Thing")

# People move into and out of the index so many at a time, so that no poll waits long.
BATCH = 1000

# --- How often people ask ------------------------------------------------------------------------
# The next poll is due after ahead / POLLS_SPREAD seconds, between the two bounds, less up to a
# quarter at random so that a crowd that came together does not ask together. A million people
# waiting ask 4,700 times a second in all, however many of them came at once, and those near the
# door every two seconds at most (docs/performance.md has the curve).
SOONEST_POLL = 2
LATEST_POLL = 400
POLLS_SPREAD = 300
# A room that draws lots has no order yet: all ask alike, this many a second.
POLLS_BEFORE_DRAW = 4500

# An index that no tick has followed for so many seconds is of no use to anybody.
UNTENDED = 600
# Counters of requests are kept for so many seconds.
WINDOW = 10


class LineUnavailable(Exception):
    """Redis is out of reach or has no index of this room: ask PostgreSQL."""


class UnknownPerson(Exception):
    """The index does not know this person: only PostgreSQL can tell who that is."""


class UnknownSession(Exception):
    """The session that the request claims is not in the cache: it may be over, or forgotten."""


class AskedTooOften(Exception):
    """``retry_after`` says in how many seconds the counter starts anew."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(retry_after)
        self.retry_after = retry_after


@dataclass(frozen=True)
class Entry:
    """One person as the table knows them; ``expires_at`` (ms since 1970) once inside."""

    person: bytes
    position: int
    expires_at: int | None = None

    @property
    def stay(self) -> str:
        return f"{self.position} {self.expires_at}"


@dataclass(frozen=True)
class About:
    """What a poll must know of a room. Times in ms since 1970.

    ``fast`` and ``slow`` bound the pace at which people are let in, in people a second.
    """

    slug: str
    state: str
    opens_at: int
    fast: float
    slow: float


@dataclass(frozen=True)
class Mark:
    """How far the index follows the table, as of the last tick.

    Every join up to position ``through`` is known to be in the index. ``inside`` people were
    inside at ``measured_at`` (ms since 1970); places inside came free at ``freed_lately`` and
    ``freed_before`` people a second, averaged over half a minute and over five, of the
    ``measured_for`` seconds that the room was full and moved. ``undrawn`` is 1 until a room that
    shuffles has drawn its lots. The line moves since ``moving_since`` (ms, 0 while it stands).
    ``server`` is the Redis process that has the index.
    """

    through: int
    inside: int
    measured_at: int
    freed_lately: float
    freed_before: float
    measured_for: float
    undrawn: int
    moving_since: int
    server: str = ""


@dataclass(frozen=True)
class Standing:
    """What a poll finds. ``expires_at`` in ms since 1970, None while waiting; waits in seconds.

    ``over`` for somebody in the line of a room that was closed.
    """

    position: int
    ahead: int
    expires_at: int | None
    poll_after: int
    about: About
    seats_left: int | None
    over: bool = False


# --- Asking --------------------------------------------------------------------------------------

CONSTANTS = f"""
local SOONEST, LATEST, SPREAD = {SOONEST_POLL}, {LATEST_POLL}, {POLLS_SPREAD}
local BEFORE_DRAW, WINDOW = {POLLS_BEFORE_DRAW}, {WINDOW}
"""

POLL_AFTER = """
local function poll_after(ahead, now, state, opens_at, slow, undrawn, in_line, chance)
    local wait = ahead / math.max(SPREAD, slow)
    if undrawn then wait = in_line / BEFORE_DRAW end
    if state == 'SCHEDULED' then
        wait = math.max(wait, math.min((opens_at - now) / 2000, 60))
    end
    wait = math.max(SOONEST, math.min(wait, LATEST))
    return math.floor(wait * (0.75 + chance / 4) + chance * 997 % 1)
end
"""

# As the cache writes a session (pickled), the user's id stands in it letter by letter. Should that
# change, every poll falls through to Django: test_fast_path.py allows a poll no SQL.
SESSION = """
local function is_session_of(key, user)
    local session = redis.call('GET', key)
    return session and string.find(session, user, 1, true)
end
"""

COUNT = """
local function too_often(key, limit)
    local count = redis.call('INCR', key)
    if count == 1 then redis.call('EXPIRE', key, WINDOW) end
    return count > tonumber(limit) and math.max(1, redis.call('TTL', key))
end
"""

# KEYS: waiting due asked inside room, user's counter, address's counter, session
# ARGV: person, chance in 0..1, limits of user and address, the Redis process that we speak to,
#       user, position of somebody who may be new
POLL = (
    CONSTANTS
    + POLL_AFTER
    + SESSION
    + COUNT
    + """
if KEYS[8] and not is_session_of(KEYS[8], ARGV[6]) then return {'stranger'} end
local wait = not ARGV[7] and (too_often(KEYS[6], ARGV[3]) or too_often(KEYS[7], ARGV[4]))
if wait then return {'often', wait} end
local about = redis.call('HMGET', KEYS[5],
    'slug', 'state', 'opens_at', 'fast', 'slow', 'undrawn', 'seats_left', 'server')
-- Built in a Redis that is no more, it may have come back older than it was.
if about[8] ~= ARGV[5] then return {'absent'} end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local person = ARGV[1]
local stay = redis.call('HGET', KEYS[4], person)
if stay then
    local position, expires_at = string.match(stay, '(%d+) (%d+)')
    if tonumber(expires_at) <= now then return {'unknown'} end
    return {'inside', position, 0, expires_at, SOONEST, about}
end
local position = redis.call('ZSCORE', KEYS[1], person)
if not position then
    if not ARGV[7] or tonumber(ARGV[7]) < tonumber(redis.call('HGET', KEYS[5], 'front')) then
        return {'unknown'}
    end
    position = ARGV[7]
    redis.call('ZADD', KEYS[1], position, person)
end
-- Whoever still waits when a room closes is sent home, a batch with each tick.
if about[2] == 'CLOSED' then return {'over', position, 0, false, LATEST, about} end
local ahead = redis.call('ZRANK', KEYS[1], person)
local undrawn = about[6] == '1'
local after = poll_after(ahead, now, about[2], tonumber(about[3]), tonumber(about[5]), undrawn,
    undrawn and redis.call('ZCARD', KEYS[1]) or 0, tonumber(ARGV[2]))
redis.call('ZADD', KEYS[2], now + after * 1000, position)
redis.call('HSET', KEYS[3], position, now)
return {'waiting', position, ahead, false, after, about}
"""
)

ALLOW = (
    CONSTANTS
    + SESSION
    + COUNT
    + """
if KEYS[3] and not is_session_of(KEYS[3], ARGV[3]) then return 'stranger' end
return too_often(KEYS[1], ARGV[1]) or too_often(KEYS[2], ARGV[2])
"""
)


def poll(
    room_id: int,
    token: uuid.UUID,
    user: uuid.UUID,
    *,
    address: str,
    session: str | None = None,
    position: int = 0,
) -> Standing:
    """Where this person stands, and a sign of life, in one round trip.

    With ``session``, a key of the cache, only while that is there and the user's. With
    ``position`` somebody who has committed that number is put into the index, which is not
    counted as a poll. Raises AskedTooOften, UnknownPerson, UnknownSession, and LineUnavailable
    also when there is no index of the room.
    """
    keys = [*_keys(room_id), f"line:polls:{user.hex}", f"line:polls:{address}"]
    if session is not None:
        keys.append(session)
    limits = settings.POLLS_PER_USER, settings.POLLS_PER_ADDRESS
    arguments = [token.bytes + user.bytes, repr(random.random()), *limits, _server, str(user)]
    if position:
        arguments.append(position)
    return _standing(_run(POLL, keys, arguments))


def _standing(answer: list[Any]) -> Standing:
    kind = answer[0]
    if kind in (b"waiting", b"inside", b"over"):
        _kind, position, ahead, expires_at, after, about = answer
        slug, state, opens_at, fast, slow, _undrawn, seats_left, _built_in = about
        return Standing(
            int(float(position)),
            ahead,
            None if expires_at is None else int(expires_at),
            after,
            About(
                slug.decode(),
                state.decode(),
                int(opens_at),
                float(fast),
                float(slow),
            ),
            None if seats_left is None else int(seats_left),
            over=kind == b"over",
        )
    if kind == b"often":
        raise AskedTooOften(answer[1])
    if kind == b"stranger":
        raise UnknownSession
    if kind == b"unknown":
        raise UnknownPerson
    raise LineUnavailable


def count_join(user: uuid.UUID, *, address: str, session: str | None = None) -> None:
    """Count a wish to join. Raises AskedTooOften, and UnknownSession as poll does."""
    keys = [f"line:joins:{user.hex}", f"line:joins:{address}"]
    if session is not None:
        keys.append(session)
    limits = settings.JOINS_PER_USER, settings.JOINS_PER_ADDRESS
    wait = _run(ALLOW, keys, [*limits, str(user)])
    if wait == b"stranger":
        raise UnknownSession
    if wait:
        raise AskedTooOften(wait)


# --- Following the table -------------------------------------------------------------------------

# What is told of a room whose index was dropped meanwhile is told to nobody.
TELL = """
local server = redis.call('HGET', KEYS[1], 'server')
if not server or (ARGV[1] ~= '' and server ~= ARGV[1]) then return 0 end
return redis.call('HSET', KEYS[1], unpack(ARGV, 2))
"""

# How many are inside, and a sum over positions and ends that two lists of the same length share
# only if they are the same.
SUM_INSIDE = """
local count, sum = 0, 0
for _, stay in ipairs(redis.call('HVALS', KEYS[1])) do
    local position, expires_at = string.match(stay, '(%d+) (%d+)')
    count = count + 1
    sum = sum + position + expires_at % 1000000000
end
return {count, string.format('%.0f', sum)}
"""

# People before the front are out of the line, whatever became of them.
PASS = """
local gone = redis.call('ZRANGE', KEYS[1], '-inf', '(' .. ARGV[1], 'BYSCORE', 'LIMIT', 0, ARGV[2],
    'WITHSCORES')
local people, positions = {}, {}
for i = 1, #gone, 2 do
    people[#people + 1] = gone[i]
    positions[#positions + 1] = gone[i + 1]
end
if #people > 0 then
    redis.call('ZREM', KEYS[1], unpack(people))
    redis.call('ZREM', KEYS[2], unpack(positions))
    redis.call('HDEL', KEYS[3], unpack(positions))
end
return #people
"""


def read_mark(room_id: int) -> Mark:
    """How far the index follows. Raises LineUnavailable when there is none to be trusted.

    A Redis that started again may have come back older than it was; what it holds is not used.
    """
    with _reaching_redis() as client:
        pipeline = client.pipeline(transaction=False)
        pipeline.hgetall(_keys(room_id)[4])
        pipeline.info("server")
        room, server = pipeline.execute()
    if room.get(b"server", b"").decode() != server["run_id"]:
        raise LineUnavailable
    return Mark(
        through=int(room[b"through"]),
        inside=int(room[b"inside"]),
        measured_at=int(room[b"measured_at"]),
        freed_lately=float(room[b"freed_lately"]),
        freed_before=float(room[b"freed_before"]),
        measured_for=float(room[b"measured_for"]),
        undrawn=int(room[b"undrawn"]),
        moving_since=int(room[b"moving_since"]),
        server=server["run_id"],
    )


def let_in(room_id: int, entries: Iterable[Entry], *, front: int, server: str) -> None:
    """These went in, and nobody waits before position ``front`` any more."""
    keys = _keys(room_id)
    with _reaching_redis() as client:
        _let_in(client, keys[3], entries)
    _tell(room_id, server, {"front": front})
    while _run(PASS, keys, [front, BATCH]) == BATCH:
        pass


def _tell(room_id: int, server: str, facts: dict[str, Any]) -> None:
    words = [word for fact in facts.items() for word in fact]
    _run(TELL, [_keys(room_id)[4]], [server, *words])


def sum_inside(room_id: int) -> tuple[int, int]:
    """How many are inside, and the sum of position and expires_at modulo 10^9 over them."""
    count, total = _run(SUM_INSIDE, [_keys(room_id)[3]], [])
    return int(count), int(total)


def count_waiting(room_id: int, *, after: int, through: int) -> int:
    """How many wait at positions beyond ``after`` up to ``through``."""
    with _reaching_redis() as client:
        return int(client.zcount(_keys(room_id)[0], f"({after}", through))


def _let_in(client: Any, inside: str, entries: Iterable[Entry]) -> None:
    for batch in _batches(entries):
        client.hset(inside, mapping={entry.person: entry.stay for entry in batch})
        client.expire(inside, UNTENDED)


def write_room(room_id: int, *, about: About, mark: Mark) -> None:
    """What polls tell of the room from now on, and how far the index follows."""
    _tell(room_id, mark.server, {**asdict(about), **asdict(mark)})
    with _reaching_redis() as client:
        pipeline = client.pipeline(transaction=False)
        for key in _keys(room_id):
            pipeline.expire(key, UNTENDED)
        pipeline.execute()


def write_seats_left(room_id: int, seats: int) -> None:
    """How many seats are left behind the room's door; forgotten when there is no index."""
    _tell(room_id, "", {"seats_left": seats})


def add(room_id: int, entries: Iterable[Entry]) -> None:
    """Put people who wait into the line; who is there already stays where they are."""
    waiting, due, _asked, _inside, _about = _keys(room_id)
    with _reaching_redis() as client:
        for batch in _batches(entries):
            _add(client, waiting, due, batch)


def _add(client: Any, waiting: str, due: str, batch: list[Entry]) -> None:
    now, _micros = client.time()
    latest = (now + LATEST_POLL) * 1000
    pipeline = client.pipeline(transaction=False)
    pipeline.zadd(waiting, {entry.person: entry.position for entry in batch})
    pipeline.zadd(due, dict.fromkeys((entry.position for entry in batch), latest), nx=True)
    pipeline.expire(waiting, UNTENDED)
    pipeline.expire(due, UNTENDED)
    pipeline.execute()


def replace_inside(room_id: int, entries: Iterable[Entry]) -> None:
    """These, and nobody else, are inside."""
    inside = _keys(room_id)[3]
    fresh = f"{inside}:fresh"
    with _reaching_redis() as client:
        client.unlink(fresh)
        _let_in(client, fresh, entries)
        pipeline = client.pipeline(transaction=True)
        pipeline.unlink(inside)
        if client.exists(fresh):
            pipeline.rename(fresh, inside)
        pipeline.execute()


def remove(room_id: int, entries: Iterable[Entry]) -> None:
    """These neither wait nor are inside any more."""
    waiting, due, asked, inside, _about = _keys(room_id)
    with _reaching_redis() as client:
        for batch in _batches(entries):
            people = [entry.person for entry in batch]
            positions = [entry.position for entry in batch]
            pipeline = client.pipeline(transaction=True)
            pipeline.zrem(waiting, *people)
            pipeline.zrem(due, *positions)
            pipeline.hdel(asked, *map(str, positions))
            pipeline.hdel(inside, *people)
            pipeline.execute()


# --- Who is silent, and who is not ---------------------------------------------------------------


def silent(room_id: int, *, seconds: int, limit: int) -> list[int]:
    """Positions of up to ``limit`` people who should have asked again so many seconds ago."""
    with _reaching_redis() as client:
        now, _micros = client.time()
        latest = (now - seconds) * 1000
        due = client.zrange(
            _keys(room_id)[1],
            "-inf",
            latest,
            byscore=True,
            offset=0,
            num=limit,
        )
    return [int(position) for position in due]


def forget_positions(room_id: int, positions: Iterable[int]) -> None:
    """Expect nothing of people who are not in line any more."""
    _waiting, due, asked, _inside, _about = _keys(room_id)
    with _reaching_redis() as client:
        for batch in _batches(positions):
            client.zrem(due, *batch)
            client.hdel(asked, *map(str, batch))


def take_asked(room_id: int) -> Iterator[list[tuple[int, int]]]:
    """Who asked since this was last taken, in batches of (position, when in ms since 1970).

    What is taken is gone from Redis: a poll that is not written back for that reason is noted
    again by the next one.
    """
    asked, taken = _keys(room_id)[2], _taken(room_id)
    with _reaching_redis() as client:
        if not client.exists(taken):
            if not client.exists(asked):
                return
            client.rename(asked, taken)
            client.expire(taken, UNTENDED)
        pairs = client.hscan_iter(taken, count=BATCH)
        for batch in _batches(pairs):
            yield [(int(position), int(when)) for position, when in batch]
        client.unlink(taken)


# --- Building anew -------------------------------------------------------------------------------


def drop(room_id: int) -> None:
    """Forget the room: polls ask PostgreSQL until the index is built again."""
    with _reaching_redis() as client:
        client.unlink(*_keys(room_id), _taken(room_id))


def build(room_id: int, batches: Iterable[list[Entry]], *, about: About, mark: Mark) -> None:
    """Build the index anew beside the old one and put it in its place at once.

    Nobody is expected to ask before the longest time that anybody can have been told to wait.
    One builder at a time: the caller sees to it.
    """
    live, fresh = _keys(room_id), _keys(room_id, prefix="line:building")
    with _reaching_redis() as client:
        client.unlink(*fresh)
        _fill(client, fresh, batches)
        server = client.info("server")["run_id"]
        room = {**asdict(about), **asdict(mark), "server": server, "front": 0}
        client.hset(fresh[4], mapping=room)
        there = {key for key in fresh if client.exists(key)}
        swap = client.pipeline(transaction=True)
        for old, new in zip(live, fresh, strict=True):
            swap.unlink(old)
            if new in there:
                swap.rename(new, old)
                swap.expire(old, UNTENDED)
        swap.execute()


def _fill(client: Any, keys: list[str], batches: Iterable[list[Entry]]) -> None:
    waiting, due, _asked, inside, _about = keys
    for batch in batches:
        in_line = [entry for entry in batch if entry.expires_at is None]
        if in_line:
            _add(client, waiting, due, in_line)
        _let_in(client, inside, (entry for entry in batch if entry.expires_at is not None))


# --- Reaching Redis ------------------------------------------------------------------------------


def _taken(room_id: int) -> str:
    return f"line:{room_id}:asked:taken"


def _keys(room_id: int, prefix: str = "line") -> list[str]:
    parts = "waiting", "due", "asked", "inside", "room"
    return [f"{prefix}:{room_id}:{part}" for part in parts]


@contextmanager
def _reaching_redis() -> Iterator[Any]:
    try:
        yield _client(settings.REDIS_URL)
    except redis.RedisError as exc:
        raise LineUnavailable from exc


@functools.cache
def _client(url: str) -> Any:  # redis-py's own types promise answers or coroutines alike
    return redis.Redis.from_url(url, **_OPTIONS)


# Without the retry redis-py would ask ten times: 4 s a call while Redis is away.
_OPTIONS = {"socket_timeout": 2.0, "socket_connect_timeout": 0.5, "retry": None}


def _run(script: str, keys: list[str], arguments: list[Any]) -> Any:
    try:
        return _evaluate(script, keys, arguments)
    except (redis.ConnectionError, redis.TimeoutError):
        # A connection that was kept may have died with its server: a new one tells.
        _forget_connection()
    except redis.RedisError as exc:
        raise LineUnavailable from exc
    try:
        return _evaluate(script, keys, arguments)
    except redis.RedisError as exc:
        _forget_connection()
        raise LineUnavailable from exc


def _evaluate(script: str, keys: list[str], arguments: list[Any]) -> Any:
    connection = _connection(settings.REDIS_URL)
    arguments = [_connections.server if each is _server else each for each in arguments]
    try:
        connection.send_command("EVALSHA", _digest(script), len(keys), *keys, *arguments)
        return connection.read_response()
    except NoScriptError:
        connection.send_command("EVAL", script, len(keys), *keys, *arguments)
        return connection.read_response()


RUN_ID = re.compile(r"(run_id):(\w+)")
# Stands in an argument list for the Redis process at the other end of the connection.
_server = object()


class _Connections(threading.local):
    """A connection of each thread: a client and its pool would cost as much as the whole poll."""

    url = ""
    server = ""
    connection: Any = None


_connections = _Connections()


def _connection(url: str) -> Any:
    if _connections.connection is None or _connections.url != url:
        connection = _client(url).connection_pool.make_connection()
        connection.send_command("INFO", "server")
        facts = dict(RUN_ID.findall(connection.read_response().decode()))
        _connections.server = facts["run_id"]
        _connections.connection, _connections.url = connection, url
    return _connections.connection


def _forget_connection() -> None:
    if _connections.connection is not None:
        _connections.connection.disconnect()
        _connections.connection = None


@functools.cache
def _digest(script: str) -> str:
    return sha1(script.encode(), usedforsecurity=False).hexdigest()


def _batches(things: Iterable[Thing]) -> Iterator[list[Thing]]:
    rest = iter(things)
    while batch := list(islice(rest, BATCH)):
        yield batch
