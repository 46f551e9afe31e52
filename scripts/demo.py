"""`make demo`: all of concertbook on this machine, until Ctrl-C.

Starts PostgreSQL and Valkey (unless DATABASE_URL and REDIS_URL name others), prepares the database,
then runs web, worker and beat, and restarts those that die. All data is in var/demo, or in the
folder CONCERTBOOK_VAR, and is kept for the next time.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import secrets
import shlex
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Protocol

from scripts.embedded import ServerError, addresses, missing_servers
from scripts.supervisor import Supervisor, describe_exit

ROOT = Path(__file__).resolve().parent.parent
BIN = Path(sys.executable).parent
FIRST_PORT = 8000
CRASHES, WITHIN_SECONDS = 5, 60.0
SECONDS_UNTIL_COMPLAINT = 60.0
PRINTING = threading.Lock()
# Variables that the demo sets for its children; the others come from the shell.
WRITTEN_DOWN = [
    "DATABASE_URL",
    "REDIS_URL",
    "SECRET_KEY",
    "DEBUG",
    "HTTPS",
    "ALLOWED_HOSTS",
    "SITE_URL",
    "EMAIL_URL",
    "EMAIL_BACKEND",
    "PORT",
]
COLOURS = {
    "setup": 33,
    "web": 32,
    "worker": 36,
    "mailer": 95,
    "beat": 35,
    "postgres": 34,
    "valkey": 31,
}


class DemoError(RuntimeError):
    """The demo cannot go on; the message is for the person at the terminal."""


class Stopped(BaseException):
    """A signal ends the demo; like KeyboardInterrupt it is no error."""


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop_demo)
    try:
        return run(demo_folder())
    except Stopped:
        say("stopped")
        return 0
    except (DemoError, ServerError) as error:
        print(error, file=sys.stderr)
        return 1


def demo_folder() -> Path:
    return Path(os.environ.get("CONCERTBOOK_VAR") or ROOT / "var" / "demo")


def stop_demo(number: int, _: FrameType | None) -> None:
    for again in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(again, signal.SIG_IGN)
    raise Stopped


def run(var: Path) -> int:
    var.mkdir(parents=True, exist_ok=True)
    with only_demo(var) as note, choose_port(os.environ.get("PORT")) as port:
        address = f"http://127.0.0.1:{port}"
        note_down(note, address)
        # Wait: the servers of a demo that was just killed may still be stopping.
        with missing_servers(var, os.environ, durable=True, patience=20) as servers:
            environ = child_environ(var) | addresses(servers)
            environ |= mailbox(var, environ)
            environ.setdefault("SITE_URL", address)
            accounts = prepare(environ)
            write_environment(var / "environment", environ | {"PORT": str(port)})
            programs = [Program(name, line, environ) for name, line in commands(var, port).items()]
            with contextlib.ExitStack() as stack:
                for program in programs:
                    stack.callback(program.stop)
                    program.start()
                children: list[Child] = [*servers, *programs]
                watch([Watched(child) for child in children], Banner(address, accounts))
    return 0


@contextlib.contextmanager
def only_demo(var: Path) -> Iterator[IO[str]]:
    """Hold the demo's lock. Raises DemoError, with the running demo's address, if it is taken."""
    with (var / "demo.lock").open("a+") as note:
        try:
            fcntl.flock(note, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            note.seek(0)
            raise DemoError(already_running(note.read())) from None
        note_down(note, "")
        (var / "environment").unlink(missing_ok=True)  # of a demo that has ended
        yield note
        note.truncate(0)


def note_down(note: IO[str], address: str) -> None:
    note.truncate(0)
    note.write(json.dumps({"address": address, "pid": os.getpid()}))
    note.flush()


def already_running(text: str) -> str:
    try:
        facts = json.loads(text)
    except ValueError:
        return "A demo is already running here."
    where = f"at {facts['address']}" if facts["address"] else "(still starting)"
    return (
        f"A demo is already running {where}, process {facts['pid']}. "
        f"Stop it with Ctrl-C in its terminal or with: kill {facts['pid']}"
    )


@contextlib.contextmanager
def choose_port(wanted: str | None) -> Iterator[int]:
    """The requested port, else the first free one from 8000 on; locked against other demos.

    Raises DemoError.
    """
    if wanted and (not wanted.isdigit() or not 0 < int(wanted) < 65536):
        raise DemoError(f"PORT={wanted} is no port.")
    ports = [int(wanted)] if wanted else range(FIRST_PORT, FIRST_PORT + 100)
    lock = next(filter(None, map(lock_port, ports)), None)
    if lock is None and wanted:
        raise DemoError(f"Port {wanted} is taken by another program. Try: make demo PORT=8080")
    if lock is None:
        raise DemoError(f"No port is free from {FIRST_PORT} on. Choose one: make demo PORT=9000")
    with lock:
        port: int = lock.getsockname()[1]
        if not wanted and port != FIRST_PORT:
            say(f"port {FIRST_PORT} is taken by another program, so this is on {port}")
        yield port


def lock_port(port: int) -> socket.socket | None:
    """A lock on the port, held until the socket is closed; None if the port is taken.

    Granian listens half a minute after the port was chosen, and with SO_REUSEPORT: two demos on
    one port would both start, and share its connections. The lock is the UDP port of the same
    number, which one process alone can bind, and which the system frees when that process ends.
    """
    lock = socket.socket(type=socket.SOCK_DGRAM)
    try:
        lock.bind(("127.0.0.1", port))
    except OSError:
        lock.close()
        return None
    if is_taken(port):
        lock.close()
        return None
    return lock


def is_taken(port: int) -> bool:
    # Test both: on macOS a program can bind 127.0.0.1 while another listens on all addresses.
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False


def child_environ(var: Path) -> dict[str, str]:
    defaults = {
        "DEBUG": "0",  # with 1, Django records every query, which makes it slow
        "HTTPS": "0",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        "SECRET_KEY": os.environ.get("SECRET_KEY") or kept_secret(var / "secret_key"),
    }
    given = {name: value for name, value in os.environ.items() if value or name not in defaults}
    return {**defaults, **given, "PYTHONUNBUFFERED": "1"}


def mailbox(var: Path, environ: dict[str, str]) -> dict[str, str]:
    """Mails go to files, which /inbox/ shows, unless a mail server is given."""
    if "EMAIL_URL" in environ or "EMAIL_BACKEND" in environ:
        return {}
    backend = "accounts.demo_inbox.EmailBackend"
    return {"EMAIL_BACKEND": backend, "EMAIL_URL": f"filemail:///{var.absolute() / 'inbox'}"}


def kept_secret(path: Path) -> str:
    """The secret in that file, created at the first start and readable by its owner only."""
    if not path.exists():
        write_private(path, secrets.token_urlsafe(64))
    return path.read_text()


def write_environment(path: Path, environ: dict[str, str]) -> None:
    """Write the environment of this demo to a file, for `scripts.in_demo` or a shell."""
    lines = [f"{name}={shlex.quote(environ[name])}\n" for name in WRITTEN_DOWN if name in environ]
    write_private(path, "".join(lines))


def write_private(path: Path, text: str) -> None:
    """Write the file atomically, readable by its owner only."""
    aside = path.with_suffix(".new")
    aside.unlink(missing_ok=True)
    aside.touch(mode=0o600)
    aside.write_text(text)
    aside.rename(path)


def prepare(environ: dict[str, str]) -> list[str]:
    """Bring database, static files and sample data up to date; return the sample accounts."""
    manage(environ, "migrate", "--noinput")
    collect_static(environ)
    # Without DEBUG, loadsample needs --force; this database has sample data only.
    return manage(environ, "loadsample", "--force")


def collect_static(environ: dict[str, str]) -> None:
    """Collect static files if any may have changed, as compressing all takes half a minute."""
    stamp = ROOT / "staticfiles" / ".collected"
    state = static_state()
    if stamp.exists() and stamp.read_text() == state:
        return
    say("collecting and compressing static files, half a minute the first time", "setup")
    manage(environ, "collectstatic", "--noinput", "-v", "0")
    stamp.parent.mkdir(exist_ok=True)
    stamp.write_text(state)


def static_state() -> str:
    """A digest of the sources of static files: our own, and the versions of the packages."""
    files = [ROOT / name for name in ("requirements.txt", "concertbook/settings.py")]
    files.append(ROOT / "concertbook/http/static_files.py")
    files += sorted([*ROOT.glob("static/**/*"), *ROOT.glob("*/static/**/*")])
    facts = [(str(path), path.stat().st_mtime_ns) for path in files if path.is_file()]
    return hashlib.sha256(repr(facts).encode()).hexdigest()


def manage(environ: dict[str, str], *arguments: str) -> list[str]:
    """Run manage.py and return the lines it printed. Raises DemoError if it fails."""
    program = Program("setup", [sys.executable, "manage.py", *arguments], environ)
    try:
        program.start()
        status = program.wait()
    finally:
        program.stop()
    if status:
        raise DemoError(f"manage.py {arguments[0]} failed ({describe_exit(status)}).")
    return list(program.lines)


def commands(var: Path, port: int) -> dict[str, list[str | Path]]:
    """The programs in the order of starting; they are stopped in the reverse order."""
    web: list[str | Path] = [BIN / "granian", "--interface", "wsgi", "concertbook.wsgi:application"]
    web += ["--host", "127.0.0.1", "--port", str(port), "--backlog", "4096", "--no-ws"]
    web += ["--workers", os.environ.get("WEB_CONCURRENCY") or "2", "--blocking-threads", "32"]
    # Without the time-out a worker that gets SIGTERM while it imports may never stop.
    web += ["--workers-kill-timeout", "5", "--respawn-failed-workers", "--log-level", "warning"]
    # At level INFO the sweeps would soon scroll the address out of view.
    level = ["-l", os.environ.get("LOG_LEVEL") or "warning"]
    celery: list[str | Path] = [BIN / "celery", "--quiet", "-A", "concertbook"]
    return {
        "web": web,
        "worker": [*celery, "worker", "-Q", "celery", *level, "--concurrency", "2"],
        "mailer": [*celery, "worker", "-Q", "mail", "-n", "mailer@%h", *level, "-P", "solo"],
        "beat": [*celery, "beat", *level, "-s", var.absolute() / "celerybeat-schedule"],
    }


class Child(Protocol):
    """A program or an embedded server."""

    name: str

    def start(self) -> object: ...

    def poll(self) -> int | None: ...


class Program:
    """A supervised command whose lines appear here under its name."""

    def __init__(self, name: str, command: list[str | Path], environ: dict[str, str]) -> None:
        self.name = name
        self.command = command
        self.environ = environ
        self.lines: deque[str] = deque(maxlen=100)
        self.supervisor: Supervisor | None = None
        self.reader: threading.Thread | None = None

    def start(self) -> None:
        self.supervisor = Supervisor(
            self.command, cwd=ROOT, env=self.environ, grace=8.0, output=subprocess.PIPE
        )
        assert self.supervisor.holder.stdout is not None
        self.reader = threading.Thread(
            target=self.read, args=[self.supervisor.holder.stdout], daemon=True
        )
        self.reader.start()

    def read(self, output: IO[bytes]) -> None:
        with output:
            for raw in output:
                self.lines.append(raw.decode(errors="replace").rstrip())
                say(self.lines[-1], self.name)

    def poll(self) -> int | None:
        return self.supervisor.poll() if self.supervisor else 0

    def wait(self) -> int:
        """Return the exit status once the command has ended and all its lines are printed."""
        assert self.supervisor is not None
        assert self.reader is not None
        status = self.supervisor.wait()
        self.reader.join()
        return status

    def stop(self) -> None:
        if self.supervisor and self.supervisor.poll() is None:
            say(f"stopping {self.name}")
            self.supervisor.stop()
        if self.reader:
            self.reader.join(timeout=2)


def watch(watched: list[Watched], banner: Banner) -> None:
    """Keep everything running until a signal raises Stopped, or DemoError if a child keeps
    dying."""
    parent = parent_to_follow()
    while parent in (None, os.getppid()):
        for child in watched:
            child.check()
        banner.show_once_ready()
        time.sleep(0.2)
    raise Stopped


def parent_to_follow() -> int | None:
    """The process id of `make`, with which the demo ends, even if it is killed; else None."""
    return os.getppid() if "MAKELEVEL" in os.environ else None


class Watched:
    """A child that is restarted when it dies, unless it keeps dying."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.deaths: list[float] = []
        self.start_at: float | None = None

    def check(self) -> None:
        now = time.monotonic()
        if self.start_at is None:
            status = self.child.poll()
            if status is not None:
                self.mourn(status, now)
        elif now >= self.start_at:
            self.start_at = None
            self.child.start()

    def mourn(self, status: int, now: float) -> None:
        self.deaths = [death for death in self.deaths if now - death < WITHIN_SECONDS] + [now]
        obituary = f"{self.child.name} died unexpectedly ({describe_exit(status)})"
        if len(self.deaths) >= CRASHES:
            raise DemoError(f"{obituary}, {CRASHES} times in {WITHIN_SECONDS:g} s: giving up.")
        delay = 0.5 * 2 ** (len(self.deaths) - 1)
        say(f"{obituary}, starting it again in {delay:g} s")
        self.start_at = now + delay


class Banner:
    """The addresses to open, printed when the site is ready."""

    def __init__(self, address: str, accounts: list[str]) -> None:
        self.address = address
        self.accounts = accounts
        self.shown = False
        self.complain_at = time.monotonic() + SECONDS_UNTIL_COMPLAINT

    def show_once_ready(self) -> None:
        if self.shown:
            return
        answer = readiness(self.address)
        if answer == "200":
            self.shown = True
            self.show()
        elif time.monotonic() > self.complain_at:
            self.complain_at = time.monotonic() + SECONDS_UNTIL_COMPLAINT
            say(f"still not ready: {self.address}/readyz says {answer}")

    def show(self) -> None:
        facts = [
            f"concertbook   {self.address}/",
            f"API           {self.address}/api/v1/docs/",
            f"admin         {self.address}/admin/",
            f"mails         {self.address}/inbox/",
            *(["", *self.accounts] if self.accounts else []),
            "",
            "Stop with Ctrl-C. The data is kept for the next time.",
        ]
        for line in ["", *facts, ""]:
            say(line)


def readiness(address: str) -> str:
    """The HTTP status of /readyz, or the reason why there is none."""
    # Not urllib, which would use a proxy from the environment for the loopback address.
    connection = http.client.HTTPConnection(address.removeprefix("http://"), timeout=2)
    try:
        connection.request("GET", "/readyz")
        return str(connection.getresponse().status)
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()


def say(line: str, name: str = "demo") -> None:
    """Print the line with the name in one write, from any thread."""
    prefix = f"{name:<8} | "
    if sys.stdout.isatty() and not os.environ.get("NO_COLOR"):
        prefix = f"\033[{COLOURS.get(name, 1)}m{prefix}\033[0m"
    with PRINTING, contextlib.suppress(BrokenPipeError):
        sys.stdout.write(f"{prefix}{line}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
