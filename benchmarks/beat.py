"""``python -m benchmarks.beat``: what the beat does for a line, in a process of its own.

In the process of the load it would wait for the load's threads.
"""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Iterator

import django


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Let the waiting in meanwhile."""
    process = subprocess.Popen([sys.executable, "-m", "benchmarks.beat"])
    try:
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "concertbook.settings")
    django.setup()
    from queueing.services.admission import admit_waiting
    from queueing.services.index_build import build_missing

    while True:
        admit_waiting()
        build_missing()
        time.sleep(1)


if __name__ == "__main__":
    main()
