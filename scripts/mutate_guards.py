"""Remove every guard in turn and check that a test fails: python -m scripts.mutate_guards

First every test of a guard must pass. Then each guard of the code is removed in a copy, and those
of the database, all in one run, in the test's own transaction; each time a test must fail. Prints a
table in Markdown, and fails if no test failed for a guard.
"""

from __future__ import annotations

import argparse
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from scripts.embedded import addresses, throwaway_servers
from tests.guards import code
from tests.guards.code import ROOT, Guard

WORKERS = 2
# Longer than any of these tests takes on a busy machine; a test that hangs does not count.
PATIENCE = 600
DATABASE = ("tests/project/test_guards.py", "-k", "database")
A_TEST_THAT_NEEDS_A_DATABASE = "tests/accounts/test_ledger.py"
PASSED, FAILED = 0, 1


@dataclass(frozen=True)
class Bench:
    """A copy of the code with servers of its own, one mutation at a time."""

    folder: Path
    environ: dict[str, str]

    def run(self, *arguments: str, anew: bool = False) -> subprocess.CompletedProcess[str]:
        # Checking the migrations of an existing database takes longer than the tests.
        database = "--create-db" if anew else "--no-migrations"
        command = [sys.executable, "-m", "pytest", "-n0", "-q", "-x", "--reuse-db", database]
        command += arguments
        # Without -m, a test that is long would be left out.
        command += ["-m", "", "-p", "no:cacheprovider", "-p", "no:schemathesis"]
        command += ["--no-header", "--tb=line"]
        return subprocess.run(
            command,
            cwd=self.folder,
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def is_clean(self) -> bool:
        """Whether the last run left no rows, which could break the next one."""
        url = urlsplit(self.environ["DATABASE_URL"])
        with psycopg.connect(url._replace(path=f"/test_{url.path[1:]}").geturl()) as connection:
            found = connection.execute(
                "SELECT EXISTS (SELECT FROM accounts_user)"
                " OR EXISTS (SELECT FROM queueing_waitingroom)"
            ).fetchone()
        return found == (False,)

    def without(self, guard: Guard) -> subprocess.CompletedProcess[str]:
        path = self.folder / guard.file
        source = path.read_text()
        path.write_text(guard.without(source))
        try:
            return self.run(*guard.node_ids(), anew=not self.is_clean())
        finally:
            path.write_text(source)


@dataclass(frozen=True)
class Verdict:
    guard: Guard
    noticed_by: str

    def __str__(self) -> str:
        by = f"`{self.noticed_by}`" if self.noticed_by else "**nothing**"
        return f"| `{self.guard.file}` | `{self.guard.where}` | `{self.guard.what}` | {by} |"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", metavar="PATTERN", default="", help="only guards whose name has this")
    parser.add_argument("--skip-control", action="store_true", help="trust that the tests pass")
    options = parser.parse_args()
    chosen = [guard for guard in code.GUARDS if re.search(options.k, str(guard))]
    with benches() as free:
        bench = free.get()
        if not options.skip_control:
            require_passing(bench, chosen)
        free.put(bench)
        verdicts = list(judge_all(chosen, free))
    return report(verdicts)


@contextmanager
def benches() -> Iterator[queue.Queue[Bench]]:
    free: queue.Queue[Bench] = queue.Queue()
    with bench(1) as one, bench(2) as other:
        for each in (one, other)[:WORKERS]:
            free.put(each)
        yield free


@contextmanager
def bench(number: int) -> Iterator[Bench]:
    with (
        tempfile.TemporaryDirectory(prefix="guards-") as folder,
        throwaway_servers({}) as servers,
    ):
        copy_code(Path(folder))
        environ = {**os.environ, **addresses(servers), "PYTHONPATH": folder}
        # A file that is changed twice in a second could run as it was before.
        environ["PYTHONDONTWRITEBYTECODE"] = "1"
        made = Bench(Path(folder), environ)
        # Creates the database for all later runs.
        done = made.run(A_TEST_THAT_NEEDS_A_DATABASE, anew=True)
        if done.returncode != PASSED:
            raise SystemExit(f"bench {number} does not work:\n{done.stdout}{done.stderr}")
        yield made


def copy_code(to: Path) -> None:
    """Copy the files that git tracks or would track."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        source, target = ROOT / name, to / name
        if source.is_file() and not source.is_symlink():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)


def require_passing(bench: Bench, guards: Sequence[Guard]) -> None:
    tests = sorted({test for guard in guards for test in guard.node_ids()})
    done = bench.run(*DATABASE)
    if done.returncode == PASSED:
        done = bench.run(*tests)
    if done.returncode != PASSED:
        raise SystemExit(f"with every guard in place:\n{done.stdout[-3000:]}{done.stderr[-1000:]}")


def judge_all(guards: Sequence[Guard], free: queue.Queue[Bench]) -> Iterator[Verdict]:
    with ThreadPoolExecutor(WORKERS) as pool:
        for verdict in pool.map(lambda guard: judge(guard, free), guards):
            print(verdict, flush=True)
            yield verdict


def judge(guard: Guard, free: queue.Queue[Bench]) -> Verdict:
    bench = free.get()
    try:
        done = bench.without(guard)
    except subprocess.TimeoutExpired:
        return Verdict(guard, "")
    finally:
        free.put(bench)
    noticed_by = first_failure(done.stdout) if done.returncode == FAILED else ""
    if not noticed_by:
        print(f"{guard}: pytest says {done.returncode}", done.stdout[-500:], file=sys.stderr)
    return Verdict(guard, noticed_by)


def first_failure(output: str) -> str:
    """The first test that failed, as pytest names it in its summary."""
    for line in output.splitlines():
        verdict, _space, rest = line.partition(" ")
        if verdict == "FAILED":
            return rest.partition(" - ")[0].rpartition("::")[2]
    # A test that could not start does not count.
    return ""


def report(verdicts: Sequence[Verdict]) -> int:
    unnoticed = [str(verdict.guard) for verdict in verdicts if not verdict.noticed_by]
    print(
        f"\n{len(verdicts)} guards of the code, {len(unnoticed)} unnoticed", *unnoticed, sep="\n- "
    )
    return 1 if unnoticed else 0


if __name__ == "__main__":
    sys.exit(main())
