"""Compare the index with the table, and correct it."""

from collections.abc import Iterable

from queueing.line import client, keys, scripts
from queueing.line.members import write_inside
from queueing.line.records import Entry


def count_waiting(room_id: int, *, after: int, through: int) -> int:
    """How many wait at positions beyond ``after`` up to ``through``."""
    with client.reaching_redis() as redis:
        return int(redis.zcount(keys.of_room(room_id).waiting, f"({after}", through))


def sum_inside(room_id: int) -> tuple[int, int]:
    """How many are inside, and the sum of position and expires_at modulo 10^9 over them."""
    count, total = client.run(scripts.SUM_INSIDE, [keys.of_room(room_id).inside], [])
    return int(count), int(total)


def replace_inside(room_id: int, entries: Iterable[Entry]) -> None:
    """Let exactly these be inside. Polls see the old ones or the new ones."""
    inside, fresh = keys.of_room(room_id).inside, keys.fresh_inside(room_id)
    with client.reaching_redis() as redis:
        write_inside(redis, fresh, entries)
        pipeline = redis.pipeline(transaction=True)
        pipeline.unlink(inside)
        if redis.exists(fresh):
            pipeline.rename(fresh, inside)
        pipeline.execute()
