"""The Celery application; its schedule is in the settings, its tasks in each app's tasks.py.

A tick that could not run in time is dropped, not queued: ``good_for`` in the schedule is the number
of seconds for which it may still run, measured by the broker's clock. Celery's own ``expires``
compares beat's clock with the worker's, so a worker whose clock is a little ahead would drop every
tick, and no buyer would be admitted.
"""

import contextlib
import functools
import os
from typing import Any

import redis
from celery import Celery, Task
from celery.signals import before_task_publish
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")


class Tick(Task):  # type: ignore[misc]
    """A task that is dropped when it is delivered too late."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return None if self.is_late() else super().__call__(*args, **kwargs)

    def is_late(self) -> bool:
        good_for, sent_at = self.request.get("good_for"), self.request.get("sent_at")
        now = broker_time() if good_for and sent_at else None
        # Without the broker's time the tick runs: one too many is harmless.
        return now is not None and now - sent_at > good_for


@before_task_publish.connect  # type: ignore[untyped-decorator]
def write_down_when(headers: dict[str, Any], **_: Any) -> None:
    headers["sent_at"] = broker_time()


def broker_time() -> float | None:
    """Seconds since 1970; None while Redis is out of reach."""
    with contextlib.suppress(redis.RedisError):
        seconds, microseconds = _broker().time()
        return float(seconds + microseconds / 1_000_000)
    return None


@functools.cache
def _broker() -> Any:
    return redis.Redis.from_url(
        settings.CELERY_BROKER_URL, socket_connect_timeout=1, socket_timeout=1
    )


app = Celery("concertbook", task_cls=Tick)
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
