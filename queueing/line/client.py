"""Connect to Redis: run a script in one round trip, or send commands."""

import functools
import re
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import redis
from redis.exceptions import NoScriptError

from queueing.line.config import settings
from queueing.line.errors import LineUnavailable
from queueing.line.scripts import Script

# Without the retry redis-py would ask ten times: 4 s a call while Redis is away.
OPTIONS = {"socket_timeout": 2.0, "socket_connect_timeout": 0.5, "retry": None}
RUN_ID = re.compile(r"(run_id):(\w+)")
# Stands in the arguments of a script for the run_id of the Redis process that will run it.
SERVER = object()


def run(script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    """What the script returns. Raises LineUnavailable."""
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


def _evaluate(script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    connection = _connection(settings.REDIS_URL)
    arguments = [_kept.server if each is SERVER else each for each in arguments]
    try:
        connection.send_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
        return connection.read_response()
    except NoScriptError:
        connection.send_command("EVAL", script.text, len(keys), *keys, *arguments)
        return connection.read_response()


class _Kept(threading.local):
    """A connection of each thread: a client and its pool would cost as much as the whole poll."""

    url = ""
    server = ""
    connection: Any = None


_kept = _Kept()


def _connection(url: str) -> Any:
    if _kept.connection is None or _kept.url != url:
        connection = _client(url).connection_pool.make_connection()
        connection.send_command("INFO", "server")
        facts = dict(RUN_ID.findall(connection.read_response().decode()))
        _kept.server = facts["run_id"]
        _kept.connection, _kept.url = connection, url
    return _kept.connection


def _forget_connection() -> None:
    if _kept.connection is not None:
        _kept.connection.disconnect()
        _kept.connection = None


@contextmanager
def reaching_redis() -> Iterator[Any]:
    """A client with a pool, for commands. Raises LineUnavailable for its errors."""
    try:
        yield _client(settings.REDIS_URL)
    except redis.RedisError as exc:
        raise LineUnavailable from exc


@functools.cache
def _client(url: str) -> Any:  # redis-py's own types promise answers or coroutines alike
    return redis.Redis.from_url(url, **OPTIONS)
