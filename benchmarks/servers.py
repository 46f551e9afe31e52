"""The web servers under test: ours and a bare Django, both behind the same granian."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

WORKERS = 2
FLAGS = ["--interface", "wsgi", "--host", "127.0.0.1", "--workers", str(WORKERS)]
FLAGS += ["--blocking-threads", "32"]
QUIET = ["--backlog", "4096", "--no-ws", "--workers-kill-timeout", "5", "--log-level", "error"]


@contextlib.contextmanager
def web(application: str) -> Iterator[int]:
    """Run a WSGI application with the production flags; yields its port."""
    port = free_port()
    command = [sys.executable, "-m", "granian", *FLAGS, *QUIET, "--port", str(port), application]
    process = subprocess.Popen(command, env={**os.environ, "DEBUG": "0"})
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(port: int, seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port} after {seconds} s")
