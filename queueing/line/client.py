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
        # The connection may have died with its server: ask once more on a new one.
        _thread.forget()
    except redis.RedisError as exc:
        raise LineUnavailable from exc
    try:
        return _evaluate(script, keys, arguments)
    except redis.RedisError as exc:
        _thread.forget()
        raise LineUnavailable from exc


def _evaluate(script: Script, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
    connection = _thread.connected_to(settings.REDIS_URL)
    arguments = [_thread.server if each is SERVER else each for each in arguments]
    try:
        connection.send_command("EVALSHA", script.digest, len(keys), *keys, *arguments)
        return connection.read_response()
    except NoScriptError:
        connection.send_command("EVAL", script.text, len(keys), *keys, *arguments)
        return connection.read_response()


class _Thread(threading.local):
    """Each thread's own connection, and the Redis process at its end.

    redis-py's client on the same connection costs 10 to 19 % of the polls a second, and one that
    takes one from the pool for each script more (docs/performance.md). Nor would either say
    which Redis process answered.
    """

    url = ""
    server = ""
    connection: Any = None

    def connected_to(self, url: str) -> Any:
        if self.connection is None or self.url != url:
            # Not by the pool's make_connection, which refuses the hundred and first: it counts the
            # connections that it has ever made, and each thread makes a new one after an error.
            pool = _pooled(url).connection_pool
            connection = pool.connection_class(**pool.connection_kwargs)
            connection.send_command("INFO", "server")
            facts = dict(RUN_ID.findall(connection.read_response().decode()))
            self.server = facts["run_id"]
            self.connection, self.url = connection, url
        return self.connection

    def forget(self) -> None:
        """Connect anew with the next call: the process at the other end may have changed."""
        if self.connection is not None:
            self.connection.disconnect()
            self.connection = None


_thread = _Thread()


@contextmanager
def reaching_redis() -> Iterator[Any]:
    """A client with a pool, for commands. Raises LineUnavailable for its errors."""
    try:
        yield _pooled(settings.REDIS_URL)
    except redis.RedisError as exc:
        raise LineUnavailable from exc


@functools.cache
def _pooled(url: str) -> Any:  # redis-py's own types are of answers and coroutines alike
    return redis.Redis.from_url(url, **OPTIONS)
