"""The line in Redis: an index over the queue tokens that answers a poll in one round trip.

PostgreSQL is the truth, this is rebuilt from it whenever it is missing or behind. Every Redis
key and script of the line stands here, and nothing here knows SQL. Per room there are

- waiting  sorted set  person -> position
- seen     sorted set  person -> when they last asked, Redis time in milliseconds
- inside   hash        person -> "position expires_at", expires_at in seconds since 1970
- room     hash        what a poll must know of the room; its ``tick`` says how old the index is

A person is the token's 16 bytes and the user's 16 bytes: whoever asks for somebody else's token
is not found. Callers get LineUnavailable when Redis cannot be reached.
"""

import functools
import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import redis
from django.conf import settings

BATCH = 5000
BUILDER_SECONDS = 60
CLOSEST_POLLS_MS = 200


class LineUnavailable(Exception):
    """Redis is out of reach, or has no index of this room: ask PostgreSQL."""


class AskedTooOften(Exception):
    """The same person asked again within a fraction of a second."""


@dataclass(frozen=True)
class Entry:
    """One person as the table knows them; ``expires_at`` (seconds since 1970) once inside."""

    token: uuid.UUID
    user: uuid.UUID
    position: int
    expires_at: float | None = None

    @property
    def person(self) -> bytes:
        return self.token.bytes + self.user.bytes


@dataclass(frozen=True)
class Standing:
    """What a poll finds. ``ahead`` counts who waits before; 0 inside."""

    position: int
    ahead: int
    expires_at: float | None
    room: Mapping[str, str]

    @property
    def is_inside(self) -> bool:
        return self.expires_at is not None


POLL = """
local room = redis.call('HGETALL', KEYS[4])
if #room == 0 then return false end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local position = redis.call('ZSCORE', KEYS[1], ARGV[1])
if position then
    local seen = redis.call('ZSCORE', KEYS[2], ARGV[1])
    if seen and now - seen < tonumber(ARGV[2]) then return {'often'} end
    redis.call('ZADD', KEYS[2], now, ARGV[1])
    return {'waiting', position, redis.call('ZRANK', KEYS[1], ARGV[1]), room}
end
local stay = redis.call('HGET', KEYS[3], ARGV[1])
if not stay then return false end
return {'inside', stay, now, room}
"""

JOIN = """
if redis.call('EXISTS', KEYS[4]) == 0 then return false end
local time = redis.call('TIME')
redis.call('ZADD', KEYS[1], ARGV[2], ARGV[1])
redis.call('ZADD', KEYS[2], time[1] * 1000 + math.floor(time[2] / 1000), ARGV[1])
return redis.call('ZRANK', KEYS[1], ARGV[1])
"""


def poll(token: uuid.UUID, user: uuid.UUID) -> Standing:
    """Where this person stands, and a sign of life, in one round trip.

    Raises AskedTooOften; LineUnavailable also for somebody the index does not know, for only the
    table can tell who that is.
    """
    answer = _run(POLL, token.int >> 96, [token.bytes + user.bytes, CLOSEST_POLLS_MS])
    if not answer:
        raise LineUnavailable
    if answer[0] == b"often":
        raise AskedTooOften
    room = _decode(answer[3])
    if answer[0] == b"waiting":
        return Standing(int(float(answer[1])), int(answer[2]), None, room)
    position, expires_at = answer[1].split()
    if float(expires_at) * 1000 <= answer[2]:
        raise LineUnavailable  # over, or extended since: the table knows
    return Standing(int(position), 0, float(expires_at), room)


def join(entry: Entry) -> int:
    """Put somebody who has committed their number into the index; returns how many are ahead."""
    ahead = _run(JOIN, entry.token.int >> 96, [entry.person, entry.position])
    if ahead is None:
        raise LineUnavailable
    return int(ahead)


def _run(script: str, room_id: int, arguments: list[Any]) -> Any:
    try:
        return _script(script)(keys=_keys(room_id), args=arguments)
    except redis.RedisError as exc:
        raise LineUnavailable from exc


@functools.cache
def _script(source: str) -> Any:
    return client().register_script(source)


@functools.cache
def client() -> "redis.Redis":
    """The connection pool of this process, in whole bytes, with time-outs of half a second."""
    return redis.Redis.from_url(
        settings.REDIS_URL, socket_timeout=0.5, socket_connect_timeout=0.5, retry=None
    )


def _keys(room_id: int, prefix: str = "line") -> list[str]:
    return [f"{prefix}:{room_id}:{part}" for part in ("waiting", "seen", "inside", "room")]


def _decode(pairs: list[bytes]) -> dict[str, str]:
    words = iter(word.decode() for word in pairs)
    return dict(zip(words, words, strict=True))


def is_current(room_id: int, tick: int) -> bool:
    """Whether the index is there and as new as the room's ``tick`` in the table."""
    with _reaching_redis():
        return client().hget(_keys(room_id)[3], "tick") == str(tick).encode()


def move(
    room_id: int,
    *,
    admitted: Iterable[Entry] = (),
    gone: Iterable[Entry] = (),
    room: Mapping[str, str | int | float],
) -> None:
    """Follow what was committed: who went in, who is gone, and what the room is like now."""
    waiting, seen, inside, about = _keys(room_id)
    with _reaching_redis():
        pipeline = client().pipeline(transaction=True)
        for batch in _batches(admitted):
            people = [entry.person for entry in batch]
            pipeline.zrem(waiting, *people)
            pipeline.zrem(seen, *people)
            pipeline.hset(inside, mapping={entry.person: _stay(entry) for entry in batch})
        for batch in _batches(gone):
            people = [entry.person for entry in batch]
            pipeline.zrem(waiting, *people)
            pipeline.zrem(seen, *people)
            pipeline.hdel(inside, *people)
        pipeline.hset(about, mapping=dict(room))
        pipeline.execute()


def _stay(entry: Entry) -> str:
    return f"{entry.position} {entry.expires_at}"


def silent_since(room_id: int, *, seconds: float, limit: int) -> list[uuid.UUID]:
    """Tokens of up to ``limit`` people waiting who have not asked for so long."""
    _waiting, seen, _inside, _about = _keys(room_id)
    with _reaching_redis():
        now, _micro = client().time()
        people = client().zrangebyscore(seen, 0, (now - seconds) * 1000, start=0, num=limit)
    return [uuid.UUID(bytes=person[:16]) for person in people]


def asked_since(room_id: int, *, seconds: float) -> dict[uuid.UUID, float]:
    """Who asked within the last ``seconds``, and how many seconds ago."""
    _waiting, seen, _inside, _about = _keys(room_id)
    with _reaching_redis():
        now, _micro = client().time()
        people = client().zrangebyscore(seen, (now - seconds) * 1000, "+inf", withscores=True)
    return {uuid.UUID(bytes=person[:16]): now - asked / 1000 for person, asked in people}


def rebuild(
    room_id: int, *, entries: Iterable[Entry], room: Mapping[str, str | int | float]
) -> bool:
    """Build the index anew beside the old one and put it in its place at once.

    False when somebody else is building already. Everybody counts as having asked just now.
    """
    with _reaching_redis():
        lock = client().lock(f"line:{room_id}:builder", timeout=BUILDER_SECONDS, blocking=False)
        if not lock.acquire():
            return False
        try:
            _build(room_id, entries, room)
        finally:
            lock.release()
    return True


def _build(room_id: int, entries: Iterable[Entry], room: Mapping[str, str | int | float]) -> None:
    live, fresh = _keys(room_id), _keys(room_id, prefix="building")
    client().unlink(*fresh)
    now, _micro = client().time()
    for batch in _batches(entries):
        pipeline = client().pipeline(transaction=False)
        waiting = {entry.person: entry.position for entry in batch if entry.expires_at is None}
        inside = {entry.person: _stay(entry) for entry in batch if entry.expires_at is not None}
        if waiting:
            pipeline.zadd(fresh[0], waiting)
            pipeline.zadd(fresh[1], dict.fromkeys(waiting, now * 1000))
        if inside:
            pipeline.hset(fresh[2], mapping=inside)
        pipeline.execute()
    client().hset(fresh[3], mapping={**room, "built_at": now})
    exists = [bool(client().exists(key)) for key in fresh]
    swap = client().pipeline(transaction=True)
    for there, new, old in zip(exists, fresh, live, strict=True):
        swap.unlink(old)
        if there:
            swap.rename(new, old)
    swap.execute()


def _batches(entries: Iterable[Entry]) -> Iterator[list[Entry]]:
    rest = iter(entries)
    while batch := list(islice(rest, BATCH)):
        yield batch


class _reaching_redis:  # noqa: N801
    """Any failure to reach Redis is LineUnavailable."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, exc: BaseException | None, trace: Any) -> None:
        if isinstance(exc, redis.RedisError):
            raise LineUnavailable from exc
