"""Run a command with the environment of the running demo: python -m scripts.in_demo CMD ARGS...

The command also gets the demo's PORT. The demo's environment overrides the shell's.
"""

from __future__ import annotations

import fcntl
import os
import shlex
import sys
from pathlib import Path

from scripts.demo import demo_folder


def main() -> int:
    command, var = sys.argv[1:], demo_folder()
    if not command:
        print("usage: python -m scripts.in_demo CMD ARGS...", file=sys.stderr)
        return 2
    if not is_running(var):
        print("No demo is running here. Start one in another terminal: make demo", file=sys.stderr)
        return 1
    if not (var / "environment").exists():
        print("The demo is still starting. Try again when it shows its address.", file=sys.stderr)
        return 1
    try:
        os.execvpe(command[0], command, {**os.environ, **read_environment(var / "environment")})
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127


def is_running(var: Path) -> bool:
    """Whether a demo holds the lock of that folder."""
    try:
        with (var / "demo.lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
    return False


def read_environment(path: Path) -> dict[str, str]:
    words = shlex.split(path.read_text())
    return {name: value for name, _, value in (word.partition("=") for word in words)}


if __name__ == "__main__":
    sys.exit(main())
