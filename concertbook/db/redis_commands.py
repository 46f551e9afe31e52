"""Commands to Redis on a connection of each thread's own, several in one round trip.

redis-py's client takes a connection from a pool for each command, and twice as long for it.
"""

import threading
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django_redis import get_redis_connection
from redis.exceptions import ConnectionError, ResponseError, TimeoutError

Command = Sequence[Any]


def ask(*commands: Command) -> list[Any]:
    """The answers, in order; a refused command's is its error. Raises RedisError without Redis."""
    if _thread.connection is not None and _thread.url == settings.REDIS_URL:
        try:
            return _answers(_thread.connection, commands)
        except TimeoutError:
            raise
        except ConnectionError:
            # It was lost while it was not used; what was sent did not arrive.
            pass
    return _answers(_thread.connect(), commands)


def _answers(connection: Any, commands: Sequence[Command]) -> list[Any]:
    try:
        connection.send_packed_command(connection.pack_commands(commands))
        return [_answer(connection) for _command in commands]
    except BaseException:
        # Answers that were not read would be taken for the next command's.
        _thread.disconnect()
        raise


def _answer(connection: Any) -> Any:
    try:
        return connection.read_response()
    except ResponseError as refusal:
        return refusal


class _Thread(threading.local):
    connection: Any = None
    url = ""

    def connect(self) -> Any:
        # Not by the pool's make_connection, which refuses the hundred and first of a process.
        pool = get_redis_connection("default").connection_pool
        self.connection = pool.connection_class(**pool.connection_kwargs)
        self.url = settings.REDIS_URL
        return self.connection

    def disconnect(self) -> None:
        self.connection.disconnect()
        self.connection = None


_thread = _Thread()
