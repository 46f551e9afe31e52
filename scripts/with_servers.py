"""Run a command with PostgreSQL and Valkey: python -m scripts.with_servers CMD ARGS...

Servers that DATABASE_URL or REDIS_URL already name are used; the others are started, empty, in a
temporary folder (or in --data DIR, which is kept), and end with the command. The exit status is the
command's.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from scripts.embedded import (
    EmbeddedServer,
    ServerError,
    addresses,
    missing_servers,
    throwaway_servers,
)
from scripts.supervisor import PR_SET_PDEATHSIG, prctl


def main() -> int:
    options = parse_arguments()
    try:
        with servers(options.data, durable=options.durable) as running:
            return run(options.command, {**os.environ, **addresses(running)})
    except ServerError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="keep the servers' data in this folder")
    parser.add_argument("--durable", action="store_true", help="survive a crash, as in production")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="CMD ARGS...")
    options = parser.parse_args()
    if options.command[:1] == ["--"]:
        del options.command[0]
    if not options.command:
        parser.error("give a command to run")
    return options


def servers(data: Path | None, *, durable: bool) -> AbstractContextManager[list[EmbeddedServer]]:
    if data:
        return missing_servers(data, os.environ, durable=durable)
    return throwaway_servers(os.environ, durable=durable)


def run(command: Sequence[str], environ: Mapping[str, str]) -> int:
    """Run the command in the foreground, pass signals on to it, return its exit status."""
    try:
        child = subprocess.Popen(
            command,
            env=environ,
            preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGTERM),
        )
    except OSError as error:
        print(f"{command[0]}: {error.strerror}", file=sys.stderr)
        return 127
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, lambda number, _: forward_signal(child, number))
    status = child.wait()
    return status if status >= 0 else 128 - status


def forward_signal(child: subprocess.Popen[bytes], number: int) -> None:
    if number == signal.SIGINT and in_foreground():
        return  # the terminal has already given the Ctrl-C to the command as well
    child.send_signal(number)


def in_foreground() -> bool:
    try:
        return os.tcgetpgrp(0) == os.getpgrp()
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main())
