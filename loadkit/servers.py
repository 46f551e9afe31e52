"""The web servers under load: granian with the production flags, on a port of its own."""

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

from scripts.embedded import free_port

WORKERS = 2
FLAGS = ["--interface", "wsgi", "--host", "127.0.0.1", "--workers", str(WORKERS)]
FLAGS += ["--blocking-threads", "32", "--backlog", "4096", "--no-ws"]
FLAGS += ["--workers-kill-timeout", "5", "--log-level", "error"]


@contextlib.contextmanager
def web(application: str, **environ: str) -> Iterator[int]:
    """Run a WSGI application, with these environment variables besides; yields its port."""
    port = free_port()
    process = subprocess.Popen(
        web_command(application, port), env={**os.environ, "DEBUG": "0", **environ}
    )
    try:
        wait_for(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def web_command(application: str, port: int, *flags: str) -> list[str]:
    """``flags`` override the production flags, and stand for what they do not say."""
    command = [sys.executable, "-m", "granian", *FLAGS, "--port", str(port), *flags]
    return [*command, application]


def wait_for(port: int, seconds: float = 30.0) -> None:
    """Until a server listens. Raises TimeoutError."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError(f"nothing listens on port {port} after {seconds} s")
