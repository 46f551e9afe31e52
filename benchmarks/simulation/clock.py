"""A clock of our own for PostgreSQL, Redis and so for every service, to play hours in minutes."""

import datetime as dt
from contextlib import ExitStack
from typing import Any, Self
from unittest.mock import patch

import redis
from django.conf import settings
from django.db import connection

from loadkit.clock import create_clock, enter
from queueing.line import scripts

SECONDS, MICROS = "simulation:seconds", "simulation:micros"
REDIS_TIME = "redis.call('TIME')"
OUR_TIME = f"redis.call('MGET', '{SECONDS}', '{MICROS}')"

# Between two moments that are set, time creeps, so that what comes later is later.
NOW = """current_setting('simulation.now')::timestamptz
       + (pg_catalog.clock_timestamp() - current_setting('simulation.since')::timestamptz) / 1000"""


class Clock:
    """While entered, this connection and this process live at ``start`` plus what is set.

    PostgreSQL finds this clock before its own (loadkit/clock.py); the line's scripts are told the
    time by a key. The database must be one to throw away.
    """

    def __init__(self, start: dt.datetime) -> None:
        self.start = start
        self.seconds = 0.0
        self.patches = ExitStack()

    def __enter__(self) -> Self:
        with connection.cursor() as cursor:
            cursor.execute("CREATE SCHEMA simulation; " + create_clock("simulation", NOW))
            cursor.execute(enter("simulation"))
        for name, script in _scripts_that_ask_for_the_time().items():
            self.patches.enter_context(patch.object(scripts, name, script))
        self.patches.enter_context(patch.object(redis.Redis, "time", self._redis_time))
        self.set(0)
        return self

    def __exit__(self, *_: object) -> None:
        self.patches.close()
        _redis().delete(SECONDS, MICROS)
        with connection.cursor() as cursor:
            cursor.execute("RESET search_path")
            cursor.execute("DROP SCHEMA simulation CASCADE")

    @property
    def now(self) -> dt.datetime:
        return self.start + dt.timedelta(seconds=self.seconds)

    def set(self, seconds: float) -> None:
        """Let it be so many seconds after the start."""
        self.seconds = seconds
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('simulation.now', %s, false),"
                " set_config('simulation.since', pg_catalog.clock_timestamp()::text, false)",
                [self.now.isoformat()],
            )
        whole, micros = self._redis_time()
        _redis().mset({SECONDS: whole, MICROS: micros})

    def since_start(self, moment: dt.datetime) -> float:
        return (moment - self.start).total_seconds()

    def _redis_time(self, *_: Any) -> tuple[int, int]:
        return int(self.now.timestamp()), self.now.microsecond


def _scripts_that_ask_for_the_time() -> dict[str, scripts.Script]:
    return {
        name: scripts.Script(script.text.replace(REDIS_TIME, OUR_TIME))
        for name, script in vars(scripts).items()
        if isinstance(script, scripts.Script) and REDIS_TIME in script.text
    }


def _redis() -> Any:
    return redis.Redis.from_url(settings.REDIS_URL)
