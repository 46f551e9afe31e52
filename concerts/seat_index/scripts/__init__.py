"""The Lua scripts of this folder, composed by the line's loader. Each file begins with its
contract."""

from pathlib import Path

from queueing.line.scripts import Script, compose

FOLDER = Path(__file__).parent


def _load(name: str) -> Script:
    return compose((FOLDER / f"{name}.lua").read_text())


LOOK = _load("look")
BEGIN_BUILD = _load("begin_build")
STORE = _load("store")
NOTE_CHANGES = _load("note_changes")
