"""A command that cannot outlive its launcher.

`Supervisor` is the launcher's end; run as a program, this file is the holder's end. The holder sits
between the two, in a session of its own, and reads its standard input from the launcher: one
letter is an order, end of file means that the launcher has died, also by kill -9. In both cases the
holder stops the command and then every process that the command left behind.
"""

from __future__ import annotations

import argparse
import contextlib
import math
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

STOP, KILL, LAUNCHER_DIED = b"s", b"k", b""
STDIN = 0
PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36


# The launcher's end


class Supervisor:
    """Start `command` under a supervisor.

    `stop_signal` asks the command to stop; `grace` seconds later the remaining processes are
    killed. `user` is a user name to become first (only root may). `keep` are file descriptors that
    the command inherits. `remove` is a folder to delete if the launcher dies without saying stop.
    """

    def __init__(
        self,
        command: Sequence[str | Path],
        *,
        stop_signal: signal.Signals = signal.SIGTERM,
        grace: float = 10.0,
        user: str | None = None,
        keep: Iterable[int] = (),
        remove: Path | None = None,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        output: IO[bytes] | int | None = None,
    ) -> None:
        keep = tuple(keep)
        holder = [sys.executable, "-IS", __file__]
        holder += ["--stop-signal", str(int(stop_signal)), "--grace", str(grace)]
        holder += ["--user", user] if user else []
        holder += ["--remove", str(remove)] if remove else []
        holder += [f"--keep={descriptor}" for descriptor in keep]
        self.grace = grace
        self.holder = subprocess.Popen(
            [*holder, "--", *map(str, command)],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            pass_fds=keep,
            start_new_session=True,
            cwd=cwd,
            env=env,
        )

    @property
    def pid(self) -> int:
        """The holder's process id: a SIGTERM to it stops the command cleanly."""
        return self.holder.pid

    def poll(self) -> int | None:
        """The exit status, 128 + N if signal N ended the command, None while anything lives."""
        status = self.holder.poll()
        if status is not None:
            self._close()
        return status

    def wait(self) -> int:
        """Wait for the command to end by itself and return its exit status, as `poll` does."""
        try:
            return self.holder.wait()
        finally:
            self._close()

    def stop(self) -> int:
        """Ask the command to stop, kill it after its grace; return when all processes have
        ended."""
        return self._order(STOP)

    def kill(self) -> int:
        """Kill the command and all its processes; return when they have ended."""
        return self._order(KILL)

    def _order(self, word: bytes) -> int:
        assert self.holder.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended already
            self.holder.stdin.write(word)
            self.holder.stdin.flush()
        return self.wait()

    def _close(self) -> None:
        assert self.holder.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self.holder.stdin.close()


def describe_exit(status: int) -> str:
    """An exit status of `Supervisor.poll` in words; below 0 it is the holder that was killed."""
    number = -status if status < 0 else status - 128
    with contextlib.suppress(ValueError):
        return f"killed by {signal.Signals(number).name}"
    return f"exit status {status}"


# The holder's end


def main() -> int:
    options = parse_arguments()
    adopt_orphans()
    wakeups = listen_to_signals()
    try:
        child = spawn(options)
    except OSError as error:
        print(f"{options.command[0]}: {error.strerror}", file=sys.stderr)
        return 127 if isinstance(error, FileNotFoundError) else 126
    return Holder(child.pid, wakeups, options).hold()


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--stop-signal", type=int, default=signal.SIGTERM)
    parser.add_argument("--grace", type=float, default=10.0)
    parser.add_argument("--user")
    parser.add_argument("--remove")
    parser.add_argument("--keep", type=int, action="append", default=[])
    parser.add_argument("command", nargs="+")
    return parser.parse_args()


def adopt_orphans() -> None:
    """On Linux, adopt grandchildren whose parent dies, so that none is lost."""
    prctl(PR_SET_CHILD_SUBREAPER, 1)


def prctl(option: int, value: int) -> None:
    if sys.platform != "linux":
        return
    import ctypes

    ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def listen_to_signals() -> int:
    """Return a descriptor that gets one byte, the signal's number, for each signal received."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    signal.set_wakeup_fd(writer)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    return reader


def spawn(options: argparse.Namespace) -> subprocess.Popen[bytes]:
    # If this holder is killed by kill -9 as well, the kernel sends the stop signal. That setting is
    # reset when the user changes, and Popen runs preexec_fn after that.
    return subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        pass_fds=options.keep,
        process_group=0,
        preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, options.stop_signal),
        **identity(options.user),
    )


def identity(user: str | None) -> dict[str, Any]:
    """The arguments with which Popen becomes that user, none for the current user."""
    if not user:
        return {}
    import pwd

    entry = pwd.getpwnam(user)
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Holder:
    def __init__(self, child: int, wakeups: int, options: argparse.Namespace) -> None:
        self.child = child
        self.status: int | None = None
        self.wakeups = wakeups
        self.options = options
        self.listening = [STDIN, wakeups]
        self.kill_at = math.inf
        self.launcher_died = False

    def hold(self) -> int:
        """Wait for the command to end, follow orders, stop all its processes; its exit status."""
        self.reap()
        while self.status is None:
            self.obey()
            if time.monotonic() >= self.kill_at:
                self.kill_all()
            self.reap()
        self.kill_all()
        if self.launcher_died and self.options.remove:
            remove_scratch(self.options.remove)
        return self.status

    def reap(self) -> None:
        """Collect all ended processes, orphans too, and the exit status of the command itself."""
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                if ended[0] == self.child:
                    code = os.waitstatus_to_exitcode(ended[1])
                    self.status = code if code >= 0 else 128 - code

    def obey(self) -> None:
        patience = min(max(self.kill_at - time.monotonic(), 0.05), 3600)
        ready, _, _ = select.select(self.listening, [], [], patience)
        if self.wakeups in ready and set(os.read(self.wakeups, 512)) - {signal.SIGCHLD}:
            self.let_go()
        if STDIN in ready:
            self.take_order(os.read(STDIN, 1))

    def take_order(self, word: bytes) -> None:
        if word == KILL:
            self.kill_at = 0
        elif word == STOP:
            self.let_go()
        else:
            self.launcher_died = True
            self.listening.remove(STDIN)
            self.let_go()

    def let_go(self) -> None:
        if self.kill_at == math.inf:
            self.kill_at = time.monotonic() + self.options.grace
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.child, self.options.stop_signal)

    def kill_all(self) -> None:
        """Kill the command's process group and every descendant, new ones too, until none."""
        give_up_at = time.monotonic() + 5
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.child, signal.SIGKILL)
        while (alive := descendants()) and time.monotonic() < give_up_at:
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.01)
            self.reap()


def descendants() -> list[int]:
    """All descendants. The process group is not enough: PostgreSQL's processes leave it."""
    children: dict[int, list[int]] = {}
    for pid, parent in processes():
        children.setdefault(parent, []).append(pid)
    found = list(children.get(os.getpid(), []))
    for pid in found:  # grows while it is walked
        found += children.get(pid, [])
    return found


def processes() -> list[tuple[int, int]]:
    """(process, parent) of all running processes."""
    if sys.platform == "linux":
        return [row for entry in os.listdir("/proc") if entry.isdigit() for row in read_stat(entry)]
    with subprocess.Popen(
        ["ps", "-A", "-o", "pid=,ppid="], stdout=subprocess.PIPE, text=True
    ) as ps:
        rows = [line.split() for line in ps.communicate()[0].splitlines()]
    return [(int(pid), int(parent)) for pid, parent in rows if int(pid) != ps.pid]


def read_stat(pid: str) -> list[tuple[int, int]]:
    try:
        with open(f"/proc/{pid}/stat") as file:
            # The name, in parentheses, may itself hold spaces and parentheses.
            fields = file.read().rpartition(")")[2].split()
    except OSError:
        return []
    return [(int(pid), int(fields[1]))]


def remove_scratch(folder: str) -> None:
    """Remove the folder, and the one around it if that was the last thing in it."""
    shutil.rmtree(folder, ignore_errors=True)
    with contextlib.suppress(OSError):
        os.rmdir(os.path.dirname(folder))


if __name__ == "__main__":
    sys.exit(main())
