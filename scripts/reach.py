"""Programs and data in places that the servers' user can reach.

PostgreSQL refuses to run as root, so root starts the servers as an unprivileged user. That user
cannot enter a checkout under /root or in a folder that `mktemp -d` made. For such a checkout the
programs are copied, once for each version, and the data is kept, in /var/lib/concertbook: not in
/tmp or /var/tmp, where other users could create our folder and a clean-up could delete parts of it.

    python -m scripts.reach --forget var/demo      # remove what is kept there for that folder
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from scripts.supervisor import identity

OUTSIDE = Path("/var/lib/concertbook")


class ServerError(RuntimeError):
    """A server could not be used; the message is for the person at the terminal."""


def reachable_data(folder: Path) -> tuple[Path, str | None]:
    """Create the folder or its stand-in; return it, and the user that a server there must become.

    The user is None for the current one. Raises ServerError if no stand-in is possible.
    """
    make_folder(folder)
    if os.geteuid() != 0:
        return folder, None
    user = unprivileged_user(folder)
    if may(user, 'cd "$0"', folder):
        return folder, user
    substitute = stand_in(folder.parent) / folder.name
    open_outside()
    make_folder(substitute)
    substitute.parent.chmod(0o755)
    return substitute, unprivileged_user(substitute)


def make_folder(folder: Path) -> None:
    """Create the folder; one created by root gets the unprivileged user as owner."""
    if folder.exists():
        return
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        user = pwd.getpwnam(unprivileged_user(folder))
        os.chown(folder, user.pw_uid, user.pw_gid)


def unprivileged_user(folder: Path) -> str:
    """The folder's owner if it has one besides root, else `usual_user`."""
    with contextlib.suppress(KeyError):
        if owner := folder.stat().st_uid:
            return pwd.getpwuid(owner).pw_name
    return usual_user()


def usual_user() -> str:
    """`postgres` where that user exists, else `nobody`."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam("postgres").pw_name
    return "nobody"


def stand_in(folder: Path) -> Path:
    """The stand-in for a folder that the servers' user cannot enter; always the same one."""
    return OUTSIDE / f"data-{hashlib.sha256(os.fsencode(folder.absolute())).hexdigest()[:16]}"


def reachable_program(package: str, path: str, user: str | None) -> Path:
    """The program at that path in the package, or in a copy of the package if `user` needs one.

    Raises ServerError if the user cannot run that either.
    """
    program = package_folder(package) / path
    if user is None or may(user, '"$0" --version', program):
        return program
    copied = copied_package(package) / path
    if not may(user, '"$0" --version', copied):
        raise ServerError(
            f"The user {user} cannot run {program}, nor its copy {copied}. Remove the folder "
            f"{OUTSIDE} to have it copied anew, or set DATABASE_URL and REDIS_URL."
        )
    return copied


def package_folder(package: str) -> Path:
    """The package's folder. The package is not imported, as that creates users and lock folders."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerError(f"The package {package} is not installed: run make .venv/.stamp")
    return Path(spec.origin).parent


def copied_package(package: str) -> Path:
    """The package's copy, created if this version has none. Raises ServerError."""
    open_outside()
    copy = OUTSIDE / f"{package}-{version(package)}"
    with sole_copier():
        if not copy.exists():
            aside = OUTSIDE / "half-made"
            shutil.rmtree(aside, ignore_errors=True)
            copy_readable(package_folder(package), aside)
            aside.rename(copy)
    return copy / package


def open_outside() -> None:
    """Create the folder, or check that only root can have written to it."""
    try:
        OUTSIDE.mkdir(0o755, parents=True)
        OUTSIDE.chmod(0o755)  # the umask may have taken more
    except FileExistsError:
        facts = OUTSIDE.lstat()
        if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != 0 or facts.st_mode & 0o022:
            raise ServerError(
                f"{OUTSIDE} is not a folder that only root can write to. Remove it, or move the "
                "checkout to where every user may enter, or set DATABASE_URL and REDIS_URL."
            ) from None
    except OSError as error:
        raise ServerError(
            f"{OUTSIDE} cannot be made ({error.strerror}), and the servers' user cannot enter "
            "this checkout. Move it to where every user may, or set DATABASE_URL and REDIS_URL."
        ) from error


@contextlib.contextmanager
def sole_copier() -> Iterator[None]:
    with (OUTSIDE / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def copy_readable(folder: Path, into: Path) -> None:
    """Copy a package and its shared libraries, readable by all and writable by root."""
    into.mkdir()
    for part in (folder, folder.with_name(f"{folder.name}.libs")):
        if part.exists():
            shutil.copytree(part, into / part.name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (into, *into.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def temporary_directory() -> str:
    """The folder for temporary files, or another if the servers' user cannot enter that one."""
    usual = tempfile.gettempdir()
    if os.geteuid() != 0:
        return usual
    places = (usual, "/tmp", "/var/tmp")
    return next((place for place in places if may(usual_user(), 'cd "$0"', place)), usual)


def may(user: str, script: str, path: Path | str) -> bool:
    """Whether the shell script succeeds for that user; the path is its `$0`."""
    tried = subprocess.run(
        ["sh", "-c", script, path], cwd="/", capture_output=True, **identity(user)
    )
    return tried.returncode == 0


def forget(folder: Path) -> None:
    """Remove the data that is kept outside for that folder, if any."""
    shutil.rmtree(stand_in(folder), ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--forget", type=Path, required=True, metavar="FOLDER")
    forget(parser.parse_args().forget)


if __name__ == "__main__":
    main()
