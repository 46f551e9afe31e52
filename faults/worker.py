"""The project's Celery application with traps laid in it, and a clock that may be wrong."""

import os
import signal

from faults import clock, traps

clock.put_wrong()

from concertbook.celery import app as app  # noqa: E402 - by the wrong clock

# The whole worker: a child alone would be replaced by its parent within the blink of an eye.
traps.lay("expiry", "admission", die=lambda: os.killpg(0, signal.SIGKILL))
