"""Connect to Redis: run a script in one round trip, or send commands."""

import functools
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
    client = _thread.connected_to(settings.REDIS_URL)
    arguments = [_thread.server if each is SERVER else each for each in arguments]
    try:
        return client.evalsha(script.digest, len(keys), *keys, *arguments)
    except NoScriptError:
        return client.eval(script.text, len(keys), *keys, *arguments)


class _Thread(threading.local):
    """Each thread's own redis-py client, with one connection, and the Redis process at its end.

    It takes 8 % of the polls a second that a bare connection allows; a client that takes a
    connection from the pool for each script takes 16 % (docs/performance.md), and its caller could
    not tell which Redis process will answer.
    """

    url = ""
    server = ""
    client: Any = None

    def connected_to(self, url: str) -> Any:
        if self.client is None or self.url != url:
            client = _pooled(url).client()
            self.server = client.info("server")["run_id"]
            self.client, self.url = client, url
        return self.client

    def forget(self) -> None:
        """Connect anew with the next call: redis-py would not tell that the process changed."""
        if self.client is not None:
            self.client.close()
            self.client = None


_thread = _Thread()


@contextmanager
def reaching_redis() -> Iterator[Any]:
    """A client with a pool, for commands. Raises LineUnavailable for its errors."""
    try:
        yield _pooled(settings.REDIS_URL)
    except redis.RedisError as exc:
        raise LineUnavailable from exc


@functools.cache
def _pooled(url: str) -> Any:  # redis-py's own types promise answers or coroutines alike
    return redis.Redis.from_url(url, **OPTIONS)
