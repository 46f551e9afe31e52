"""The rate limiter: at most so many events within a window, counted for all processes by one script
in Redis, in one round trip.

A window begins with the first counted event and expires; refused events are not counted. Several
limits are checked and counted atomically. Without Redis nothing is refused.

Own code, because the `limits` package decides one limit per round trip, and counts an event in
the first limit even when the second refuses it. The waiting room counts polls and joins inside
its own scripts (queueing.line), which saves their round trip.
"""

import functools
import hashlib
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from redis import RedisError
from redis.exceptions import NoScriptError

from concertbook.db.redis_commands import Command, ask
from concertbook.errors import TooManyRequests

# Seconds without Redis after an error, as each attempt may take half a second.
BACKOFF_SECONDS = 1.0
_backs_off_until = 0.0


@dataclass(frozen=True)
class Limit:
    """At most ``amount`` events within ``seconds``. ``name`` is part of the keys in Redis."""

    name: str
    amount: int
    seconds: int

    def of(self, *subject: object, waived_by: str = "") -> "Counter":
        """The counter of one subject: an address, a user, an account at an address.

        While the key ``waived_by`` exists in Redis, this counter neither counts nor refuses.
        """
        return Counter(self, ":".join(["rate", self.name, *map(str, subject)]), waived_by)


@dataclass(frozen=True)
class Counter:
    limit: Limit
    key: str
    waived_by: str = ""


def take(*counters: Counter, unless: Sequence[Counter] = ()) -> None:
    """Count one event in each of ``counters``, if none of them and of ``unless`` is used up.

    Atomic, and exact under concurrency. ``unless`` is checked, but not counted. Raises
    TooManyRequests with the seconds until the last refusing limit ends.
    """
    asked = [(counter, 1) for counter in counters] + [(counter, 0) for counter in unless]
    _require_none(_run(TAKE, _keys(asked), _arguments(asked)))


def take_beside(counter: Counter, key: str) -> bytes | None:
    """As take for one counter; returns the value of a key of Redis, read in the same round trip.

    None without the key, and without Redis.
    """
    asked = [(counter, 1)]
    value: bytes | None
    milliseconds, value = _run_beside(TAKE, _keys(asked), _arguments(asked), [("GET", key)])
    _require_none(milliseconds)
    return value


def _keys(asked: Sequence[tuple[Counter, int]]) -> list[str]:
    return [key for counter, _cost in asked for key in (counter.key, counter.waived_by or NO_KEY)]


def _arguments(asked: Sequence[tuple[Counter, int]]) -> list[int]:
    return [
        argument
        for counter, cost in asked
        for argument in (counter.limit.amount, counter.limit.seconds * 1000, cost)
    ]


def _require_none(milliseconds: int) -> None:
    if milliseconds:
        raise TooManyRequests(retry_after=max(1, math.ceil(milliseconds / 1000)))


def check(*counters: Counter) -> None:
    """As take, but count nothing. Raises TooManyRequests."""
    take(unless=counters)


def give_back(counter: Counter, *, once_for: object) -> None:
    """Allow one event more in the counter's window, once in a window for each ``once_for``."""
    once = f"{counter.key}:given:{once_for}"
    _run(GIVE_BACK, [counter.key, once], [counter.limit.seconds * 1000])


def forget(counter: Counter) -> None:
    """Reset the counter."""
    _run("return redis.call('DEL', KEYS[1])", [counter.key], [])


def remember(key: str, *, seconds: int) -> None:
    """Set a key that counters may be waived by."""
    _run("redis.call('SET', KEYS[1], 1, 'EX', ARGV[1]) return 0", [key], [seconds])


# A key that is never set, for counters without a waiver.
NO_KEY = "rate:none"

# KEYS: counter and waiver in turns. ARGV: amount, milliseconds and cost of each counter.
# Returns 0, or the milliseconds until the next event is allowed.
TAKE = """
local wait = 0
local counted = {}
for i = 1, #KEYS / 2 do
  local key = KEYS[2 * i - 1]
  if redis.call('EXISTS', KEYS[2 * i]) == 0 then
    if tonumber(redis.call('GET', key) or 0) >= tonumber(ARGV[3 * i - 2]) then
      wait = math.max(wait, redis.call('PTTL', key), 1)
    elseif ARGV[3 * i] == '1' then
      counted[#counted + 1] = i
    end
  end
end
if wait > 0 then return wait end
for _, i in ipairs(counted) do
  local key = KEYS[2 * i - 1]
  redis.call('INCR', key)
  if redis.call('PTTL', key) < 0 then redis.call('PEXPIRE', key, ARGV[3 * i - 1]) end
end
return 0
"""

GIVE_BACK = """
if redis.call('SET', KEYS[2], 1, 'NX', 'PX', ARGV[1]) then
  redis.call('DECR', KEYS[1])
  if redis.call('PTTL', KEYS[1]) < 0 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
end
return 0
"""


@functools.cache
def _digest(script: str) -> str:
    """By which Redis knows the script."""
    return hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest()


def _run(script: str, keys: list[str], arguments: list[Any]) -> int:
    """The script's answer, 0 without Redis."""
    answer, _other = _run_beside(script, keys, arguments, [])
    return answer


def _run_beside(
    script: str, keys: list[str], arguments: list[Any], others: list[Command]
) -> tuple[int, Any]:
    """The script's answer, 0 without Redis; and that of another command, if there is one."""
    global _backs_off_until
    if time.monotonic() < _backs_off_until:
        return 0, None
    try:
        answer, *more = ask(("EVALSHA", _digest(script), len(keys), *keys, *arguments), *others)
        if isinstance(answer, NoScriptError):
            (answer,) = ask(("EVAL", script, len(keys), *keys, *arguments))
        for each in (answer, *more):
            if isinstance(each, RedisError):
                raise each
        return int(answer or 0), more[0] if more else None
    except RedisError:
        _backs_off_until = time.monotonic() + BACKOFF_SECONDS
        return 0, None
