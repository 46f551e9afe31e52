"""How often each refusal was given, for the staff's board.

A refusal costs an addition in its process. A timer writes the sums of the process to Redis within a
second. What is counted while Redis is away is lost.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Iterable, Mapping

from django_redis import get_redis_connection
from redis import RedisError

logger = logging.getLogger(__name__)

# The seconds of one sum, and how long it is kept.
STEP = 10
KEPT_SECONDS = 2 * 3600
FLUSH_AFTER = 1.0

_counted: Counter[tuple[int, str]] = Counter()
_mutex = threading.Lock()


def count_refusal(code: str) -> None:
    """Count a refusal that is sent now."""
    key = (int(time.time()) // STEP, code)
    with _mutex:
        is_first = not _counted
        _counted[key] += 1
    if is_first:
        timer = threading.Timer(FLUSH_AFTER, flush)
        timer.daemon = True
        timer.start()


def flush() -> None:
    """Add what this process has counted to the sums in Redis."""
    with _mutex:
        counted = dict(_counted)
        _counted.clear()
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        for (bucket, code), count in counted.items():
            pipeline.hincrby(_key(bucket), code, count)
            pipeline.expire(_key(bucket), KEPT_SECONDS)
        pipeline.execute()
    except RedisError:
        logger.warning("The counts of refusals could not be written")


def read_refusals(buckets: Iterable[int]) -> Mapping[int, Mapping[str, int]]:
    """The sums by code of each bucket, which is a number of STEPs since 1970; empty without
    Redis."""
    numbers = list(buckets)
    try:
        pipeline = get_redis_connection("default").pipeline(transaction=False)
        for bucket in numbers:
            pipeline.hgetall(_key(bucket))
        found = pipeline.execute()
    except RedisError:
        return {}
    return {
        bucket: {code.decode(): int(count) for code, count in sums.items()}
        for bucket, sums in zip(numbers, found, strict=True)
    }


def _key(bucket: int) -> str:
    return f"refusals:{bucket}"
