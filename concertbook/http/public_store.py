"""Public answers that all processes share, in Redis, and the lock of the one that builds them.

An answer's age is what Redis has already counted down of its time to live: the clocks of web
servers differ.
"""

import secrets
import struct
import time
from typing import Any

from django_redis import get_redis_connection
from redis import RedisError

from concertbook.http.public_answers import PublicAnswer

PREFIX = "public:"
# Seconds. A process that died while it built is waited for no longer.
LOCK_SECONDS = 2.0
# Seconds without Redis after an error, as each attempt may take half a second.
BACKOFF_SECONDS = 1.0

# KEYS: the lock. ARGV: its holder.
RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class RedisStore:
    """Without Redis it is empty and every lock is free.

    ``seconds`` is the age at which an answer is gone; the same for every call with the same key.
    """

    def __init__(self) -> None:
        self._backs_off_until = 0.0

    def read(self, key: str, seconds: float) -> tuple[PublicAnswer, float] | None:
        """The answer and its age in seconds."""
        found = self._ask(
            lambda redis: (
                redis.pipeline(transaction=False).get(PREFIX + key).pttl(PREFIX + key).execute()
            )
        )
        if not found or found[0] is None or found[1] < 0:
            return None
        try:
            return PublicAnswer.load(found[0]), seconds - found[1] / 1000
        except (ValueError, TypeError, struct.error):
            # Of another version of this code.
            return None

    def write(self, key: str, answer: PublicAnswer, *, age: float, seconds: float) -> None:
        milliseconds = int((seconds - age) * 1000)
        if milliseconds > 0:
            self._ask(lambda redis: redis.set(PREFIX + key, answer.dump(), px=milliseconds))

    def take_lock(self, key: str) -> str | None:
        """The holder's name, for release_lock; None while another process builds the answer."""
        holder = secrets.token_hex(8)
        name = f"{PREFIX}lock:{key}"
        taken = self._ask(
            lambda redis: redis.set(name, holder, nx=True, px=int(LOCK_SECONDS * 1000)) or False,
            away=True,
        )
        return holder if taken else None

    def release_lock(self, key: str, holder: str) -> None:
        name = f"{PREFIX}lock:{key}"
        self._ask(lambda redis: redis.register_script(RELEASE)([name], [holder]))

    def _ask(self, question: Any, *, away: Any = None) -> Any:
        """Redis' answer; ``away`` without Redis."""
        if time.monotonic() < self._backs_off_until:
            return away
        try:
            return question(get_redis_connection("default"))
        except RedisError:
            self._backs_off_until = time.monotonic() + BACKOFF_SECONDS
            return away
