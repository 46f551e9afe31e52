"""Load the Lua scripts of this folder. The contract of each stands on top of its file.

Every script knows the constants of poll_interval.py by their Python names. A line
``-- include NAME`` is replaced by functions/NAME.lua.
"""

import re
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha1
from pathlib import Path

from queueing.line import poll_interval

FOLDER = Path(__file__).parent
INCLUDE = re.compile(r"^-- include (\w+)$", re.MULTILINE)
CONSTANTS = "".join(
    f"local {name} = {value}\n" for name, value in vars(poll_interval).items() if name.isupper()
)


@dataclass(frozen=True)
class Script:
    """A script as Redis is sent it. ``digest`` is the name by which EVALSHA runs it."""

    text: str

    @cached_property
    def digest(self) -> str:
        return sha1(self.text.encode(), usedforsecurity=False).hexdigest()


def compose(text: str) -> Script:
    """The script with its constants and what it includes."""
    return Script(CONSTANTS + INCLUDE.sub(lambda found: _read(f"functions/{found[1]}"), text))


def _read(name: str) -> str:
    return (FOLDER / f"{name}.lua").read_text()


POLL = compose(_read("poll"))
COUNT_JOIN = compose(_read("count_join"))
UPDATE_ROOM = compose(_read("update_room"))
REMOVE_BEFORE = compose(_read("remove_before"))
SUM_INSIDE = compose(_read("sum_inside"))
