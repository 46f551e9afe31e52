"""When people last asked: who is silent, and what is to be written back to the table."""

from collections.abc import Iterable, Iterator

from queueing.line import client, keys
from queueing.line.batches import BATCH, batches


def find_silent(room_id: int, *, seconds: int, limit: int) -> list[int]:
    """Positions of up to ``limit`` people who should have asked again so many seconds ago."""
    with client.reaching_redis() as redis:
        now, _micros = redis.time()
        latest = (now - seconds) * 1000
        due = redis.zrange(
            keys.of_room(room_id).due,
            "-inf",
            latest,
            byscore=True,
            offset=0,
            num=limit,
        )
    return [int(position) for position in due]


def forget(room_id: int, positions: Iterable[int]) -> None:
    """Expect no poll of people who are not in line any more."""
    room = keys.of_room(room_id)
    with client.reaching_redis() as redis:
        for batch in batches(positions):
            redis.zrem(room.due, *batch)
            redis.hdel(room.asked, *map(str, batch))


def take(room_id: int) -> Iterator[list[tuple[int, int]]]:
    """Who asked since the last call, in batches of (position, when in ms since 1970).

    What is taken is removed from Redis at the end. If the caller dies before, the next call takes
    it again; if it fails to write a batch, the next poll notes the person anew.
    """
    asked, taken = keys.of_room(room_id).asked, keys.taken(room_id)
    with client.reaching_redis() as redis:
        if not redis.exists(taken):
            if not redis.exists(asked):
                return
            redis.rename(asked, taken)
            redis.expire(taken, keys.UNTENDED_SECONDS)
        pairs = redis.hscan_iter(taken, count=BATCH)
        for batch in batches(pairs):
            yield [(int(position), int(when)) for position, when in batch]
        redis.unlink(taken)
