"""The guards of the code: reads guards.toml, and finds code that looks like a guard.

A test is named without its file: its function, with a parameter or without, or a whole module.
"""

import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.guards.mutation import NotFoundOnceError, candidates, find, without, without_in_lua

ROOT = Path(__file__).parent.parent.parent
APPS = ("accounts", "concerts", "queueing", "payments", "operations", "concertbook")

# Every name in mutation.py that matches one of these must be in guards.toml.
LOOKS_LIKE_A_GUARD = re.compile(
    r"lock"
    r"|@\w+_required|@user_passes_test"
    r"|(filter|get|exclude|Q)\((\w+__)?user(_id|__pk)?=\)"
    r"|\w+\(permissions=\)"
    r"|permission_classes\b(?!.*= \(AllowAny,\)).*"
    r"|(\w+\.)*(has_\w*permission|get_permissions)|raise PermissionDenied"
    r"|\.(is_staff|is_superuser|has_perms?)"
    r"|item (Is[A-Z]|Csrf)\w+|item \w*(Limit|Throttle|PerUser)\w*"
)
# Their requests are not counted.
NO_GUARDS = {("concertbook/http/middleware.py", ".is_staff")}


@dataclass(frozen=True)
class Guard:
    """``what`` in ``where`` of ``file``, and its tests: one of them must fail without it."""

    file: str
    where: str
    what: str
    tests: tuple[str, ...]

    @property
    def is_lua(self) -> bool:
        return self.file.endswith(".lua")

    def __str__(self) -> str:
        return f"{self.file} {self.where}: {self.what}"

    def without(self, source: str) -> str:
        """The module's source without it. Raises NotFoundOnceError."""
        if self.is_lua:
            return without_in_lua(source, self.what)
        return without(source, self.where, self.what)

    def node_ids(self) -> list[str]:
        """The tests' pytest ids. Raises NotFoundOnceError."""
        files = test_files()
        return [_node_id(test, files[test.partition("[")[0]]) for test in self.tests]


def _node_id(test: str, files: list[str]) -> str:
    if len(files) != 1:
        raise NotFoundOnceError(f"{test} is found {len(files)} times")
    return files[0] if files[0].endswith(f"/{test}.py") else f"{files[0]}::{test}"


@cache
def test_files() -> defaultdict[str, list[str]]:
    """The files of each test function and of each test module."""
    found = defaultdict(list)
    for path in (ROOT / "tests").rglob("test_*.py"):
        functions = re.findall(r"^def (test_\w+)", path.read_text(), re.MULTILINE)
        for name in (path.stem, *functions):
            found[name].append(str(path.relative_to(ROOT)))
    return found


def _read(table: str) -> Iterator[Guard]:
    for module, names in tomllib.loads(table).items():
        for name, tests in names.items():
            places, _colon, what = name.partition(": ")
            for where in places.split(", "):
                yield Guard(_file(module, where), where, what, tuple(tests.split(", ")))


def _file(module: str, where: str) -> str:
    folder = module.replace(".", "/")
    return f"{folder}/{where}" if where.endswith(".lua") else f"{folder}.py"


GUARDS = list(_read(Path(__file__).with_name("guards.toml").read_text()))


def unguarded(path: Path) -> Iterator[str]:
    """Code that looks like a guard and is not listed."""
    source, file = path.read_text(), str(path.relative_to(ROOT))
    listed = [
        find(source, guard.where, part)
        for guard in GUARDS
        if guard.file == file
        for part in guard.what.split(" + ")
    ]
    for label, candidate in candidates(source, LOOKS_LIKE_A_GUARD):
        if not any(candidate.overlaps(each) for each in listed) and (file, label) not in NO_GUARDS:
            yield f"{file}:{candidate.guard[0][0]}: {label}"


def sources() -> Iterator[Path]:
    """The product's code, without rehearsals, sample data and migrations."""
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            if not {"migrations", "management", "rehearsal"} & set(path.relative_to(ROOT).parts):
                yield path
