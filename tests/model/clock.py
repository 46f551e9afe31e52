"""Let time pass for a whole database and its line by moving every timestamp into the past.

A clock of our own (loadkit/clock.py) is not enough here: column defaults keep PostgreSQL's. Moving
every timestamp in every table and in the line's index by the same amount has the same effect on
every comparison with the clock.
"""

import functools
from typing import Any

import psycopg
import redis
from django.conf import settings
from django.db import connection

from concerts.services import seat_states
from queueing.line import keys

OURS = ("accounts_", "concerts_", "payments_", "queueing_")


def advance_clock(seconds: int, *, room_id: int) -> None:
    client = redis.Redis.from_url(settings.REDIS_URL)
    _move_tables(seconds)
    _move_line(client, room_id, seconds * 1000)
    _forget_snapshots(client)


def _move_tables(seconds: int) -> None:
    updates = (
        f"UPDATE {table} SET " + ", ".join(f"{name} = {name} - passed" for name in columns)
        for table, columns in _moments().items()
    )
    at_once(*(update.replace("passed", f"interval '{seconds} seconds'") for update in updates))


def at_once(*statements: str) -> None:
    """Run statements in one round trip and one transaction, past every trigger."""
    # Append-only rows move too, with triggers off: the differences that they compare do not change.
    script = ["BEGIN", "SET LOCAL session_replication_role = replica", *statements, "COMMIT"]
    connection.ensure_connection()
    assert connection.connection is not None
    psycopg.ClientCursor(connection.connection).execute("; ".join(script))


@functools.cache
def _moments() -> dict[str, list[str]]:
    """Every timestamp column of the product's tables, by table."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT table_name::text, array_agg(column_name::text) FROM information_schema.columns
            WHERE table_schema = 'public' AND data_type = 'timestamp with time zone'
              AND is_generated = 'NEVER' AND table_name::text ^@ ANY (%s)
            GROUP BY table_name
            """,
            [list(OURS)],
        )
        return dict(cursor.fetchall())


def _move_line(client: Any, room_id: int, milliseconds: int) -> None:
    _waiting, due, asked, inside, room = keys.of_room(room_id)
    if not client.exists(room):
        return
    moved = client.pipeline()
    for position, moment in client.zrange(due, 0, -1, withscores=True):
        moved.zadd(due, {position: moment - milliseconds})
    for position, moment in client.hgetall(asked).items():
        moved.hset(asked, position, int(moment) - milliseconds)
    for person, admission in client.hgetall(inside).items():
        position, until = map(int, admission.split())
        moved.hset(inside, person, f"{position} {until - milliseconds}")
    for name in ("measured_at", "moving_since"):
        if int(client.hget(room, name) or 0):
            moved.hincrby(room, name, -milliseconds)
    moved.execute()


def _forget_snapshots(client: Any) -> None:
    """A snapshot of the seats has the ends of holds and cooldowns in it: the next reader reads all
    seats anew."""
    seat_states._copies.clear()
    for snapshot in client.scan_iter("seats:*:snapshot"):
        client.delete(snapshot)
