"""The real processes: PostgreSQL, Valkey, the web server, the Celery worker, beat."""

import contextlib
import http.client
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import django

from faults.databases import Databases
from loadkit.environment import LOCAL, NO_RATE_LIMITS
from loadkit.servers import wait_for, web_command
from scripts.embedded import Valkey, free_port
from scripts.reach import temporary_directory
from scripts.supervisor import Supervisor

LOGS = Path("var") / "faults"
CELERY = [sys.executable, "-m", "celery", "--quiet", "-A", "faults.worker"]
# Without the mailer: faults/outbox.py has faults of its own.
WORKER = [*CELERY, "worker", "-Q", "celery", "-l", "WARNING", "--concurrency", "2"]
BEAT = [*CELERY, "beat", "-l", "WARNING"]
ENVIRONMENT = {
    "DJANGO_SETTINGS_MODULE": "faults.settings",
    "DEBUG": "0",
    "LOG_LEVEL": "WARNING",
    **LOCAL,
    **NO_RATE_LIMITS,
}


class Program:
    """A supervised command; its output is kept under ``var/faults``."""

    def __init__(self, name: str, command: list[str], environ: Mapping[str, str]) -> None:
        self.name = name
        self.command = command
        self.environ = {**os.environ, **environ}
        self.supervisor: Supervisor | None = None

    def start(self) -> None:
        with (LOGS / f"{self.name}.log").open("ab") as log:
            self.supervisor = Supervisor(self.command, env=self.environ, grace=8.0, output=log)

    def revive(self) -> None:
        """Start again what has died, as an orchestrator would."""
        if self.supervisor and self.supervisor.poll() is not None:
            self.start()

    def stop(self) -> None:
        if self.supervisor:
            self.supervisor.stop()


class System:
    """Everything that a box office is made of, on ports and in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.traps = folder / "traps"
        self.traps.mkdir()
        self.databases = Databases(folder)
        self.redis = Valkey(folder / "valkey", scratch=True)
        self.port = free_port()
        self.programs: list[Program] = []
        self.other_webs: dict[str, int] = {}

    def start_stores(self) -> dict[str, str]:
        """PostgreSQL and Valkey; returns what the environment must say of them."""
        self.databases.primary.start()
        self.redis.start()
        return {
            "DATABASE_URL": self.databases.url,
            "REDIS_URL": self.redis.url,
            "FAULTS_TRAPS": str(self.traps),
        }

    def start_programs(self) -> None:
        """Web, worker and beat, on a database that has been migrated."""
        LOGS.mkdir(parents=True, exist_ok=True)
        self.programs = [
            Program("web", new_web(self.port), {}),
            Program("worker", WORKER, {}),
            Program("beat", self._beat_command("beat"), {}),
        ]
        for program in self.programs:
            program.start()
        wait_until_alive(self.port)

    def _beat_command(self, name: str) -> list[str]:
        return [*BEAT, "-s", str(self.folder / name), "--pidfile="]

    def revive(self) -> None:
        for program in self.programs:
            program.revive()

    def another_web(self, name: str, *flags: str, **environ: str) -> int:
        """The port of one more web server, of one process; started when first asked for."""
        if name not in self.other_webs:
            port = self.other_webs[name] = free_port()
            program = Program(name, new_web(port, "--workers", "1", *flags), environ)
            program.start()
            self.programs.append(program)
        wait_until_alive(self.other_webs[name])
        return self.other_webs[name]

    @contextlib.contextmanager
    def another_beat(self) -> Iterator[None]:
        with self._beside(Program("another-beat", self._beat_command("another-beat"), {})):
            yield

    @contextlib.contextmanager
    def other_worker(self, **environ: str) -> Iterator[None]:
        """A worker in place of the usual one."""
        (usual,) = (program for program in self.programs if program.name == "worker")
        self.programs.remove(usual)
        usual.stop()
        try:
            with self._beside(Program("other-worker", WORKER, environ)):
                yield
        finally:
            usual.start()
            self.programs.append(usual)

    @contextlib.contextmanager
    def _beside(self, program: Program) -> Iterator[None]:
        program.start()
        self.programs.append(program)
        try:
            yield
        finally:
            self.programs.remove(program)
            program.stop()

    def stop(self) -> None:
        for program in reversed(self.programs):
            program.stop()
        self.redis.stop()
        self.databases.primary.stop()


def new_web(port: int, *flags: str) -> list[str]:
    return web_command("faults.wsgi:application", port, "--respawn-failed-workers", *flags)


def wait_until_alive(port: int) -> None:
    wait_for(port)
    # It listens long before it has imported what answers.
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("GET", "/livez")
    connection.getresponse()
    connection.close()


@contextlib.contextmanager
def running_system(**environ: str) -> Iterator[System]:
    """A system that runs, with these environment variables besides; Django is set up for it."""
    os.environ.update({**ENVIRONMENT, **environ})
    with new_system() as system:
        os.environ.update(system.start_stores())
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        system.start_programs()
        yield system


@contextlib.contextmanager
def new_system() -> Iterator[System]:
    """A system in a temporary folder, not started yet; what was started in it stops with it."""
    folder = Path(tempfile.mkdtemp(prefix="concertbook-faults-", dir=temporary_directory()))
    folder.chmod(0o711)  # the servers may run as another user
    system = System(folder)
    try:
        yield system
    finally:
        system.stop()
        shutil.rmtree(folder, ignore_errors=True)
