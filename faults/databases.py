"""Two places for PostgreSQL: one is the primary, and the other may be its synchronous standby."""

import shutil
import time
from pathlib import Path

import psycopg

from scripts.embedded import PostgreSQL, ServerError, free_port, tail

SECONDS_TO_FOLLOW = 30.0


class Standby(PostgreSQL):
    """Made from the primary with pg_basebackup; every commit then waits until it is here too."""

    def __init__(self, folder: Path, primary: PostgreSQL) -> None:
        super().__init__(folder, scratch=True)
        self.primary = primary

    def prepare(self, user: str | None, lock: int) -> None:
        if self.cluster.exists():
            return  # promoted long ago
        source = f"host=127.0.0.1 port={self.primary.port} user=postgres"
        options: list[str | Path] = ["-D", self.cluster, "--write-recovery-conf", "--no-sync"]
        program = self.program.with_name("pg_basebackup")
        command = [program, "-d", source, *options, "--checkpoint=fast"]
        if status := self.supervise(command, user, lock).wait():
            raise ServerError(f"pg_basebackup ended with {status}:\n{tail(self.log)}")

    def make_synchronous(self) -> None:
        """Return once no commit is acknowledged that the standby does not have."""
        with psycopg.connect(self.primary.url, autocommit=True) as primary:
            # After the base backup: the standby has no standby of its own.
            primary.execute("ALTER SYSTEM SET synchronous_standby_names = '*'")
            primary.execute("SELECT pg_reload_conf()")
            deadline = time.monotonic() + SECONDS_TO_FOLLOW
            state = "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"
            while primary.execute(state).fetchone() is None:
                if time.monotonic() > deadline:
                    raise ServerError(f"The standby does not follow:\n{tail(self.log)}")
                time.sleep(0.02)

    def promote(self) -> None:
        with psycopg.connect(self.url, autocommit=True) as standby:
            standby.execute("SELECT pg_promote()")


class Databases:
    """What the applications know are two addresses, of which they take the one that writes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = [free_port(), free_port()]
        self.made = 0
        self.primary = PostgreSQL(self._new_directory(), scratch=True)
        self.primary.port = self.ports[0]

    def _new_directory(self) -> Path:
        self.made += 1
        return self.folder / f"postgres-{self.made}"

    @property
    def url(self) -> str:
        hosts = ",".join(f"127.0.0.1:{port}" for port in self.ports)
        return f"postgresql://postgres@{hosts}/concertbook?target_session_attrs=read-write"

    def add_standby(self) -> Standby:
        standby = Standby(self._new_directory(), self.primary)
        (standby.port,) = {*self.ports} - {self.primary.port}
        standby.start()
        standby.make_synchronous()
        return standby

    def fail_over(self, standby: Standby) -> None:
        """The primary dies and never comes back."""
        self.primary.kill()
        standby.promote()
        shutil.rmtree(self.primary.folder, ignore_errors=True)
        self.primary = standby
