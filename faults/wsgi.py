"""The project's web application with traps laid in it, and a clock that may be wrong."""

import os
import signal

from faults import clock, traps

clock.put_wrong()

from concertbook.wsgi import application as application  # noqa: E402 - by the wrong clock

traps.lay("locks", "ticket", "payment", die=lambda: os.kill(os.getpid(), signal.SIGKILL))
