"""The scripts in Redis: each is loaded, and says on top what its caller must know."""

import re
from pathlib import Path

import pytest

from concerts.seat_index import scripts as seat_scripts
from queueing.line import scripts

FILES = sorted([*scripts.FOLDER.glob("*.lua"), *seat_scripts.FOLDER.glob("*.lua")])


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_script_begins_with_its_contract(path: Path):
    contract = re.match(r"(-- .*\n)+", path.read_text())

    assert contract, "a comment on top"
    for part in ("KEYS: ", "ARGV", "Returns ", "Guarantees: "):
        assert part in contract[0].replace("\n-- ", " ")


def test_every_script_is_loaded_with_what_it_includes():
    names = [*vars(scripts).values(), *vars(seat_scripts).values()]
    loaded = [each.text for each in names if isinstance(each, scripts.Script)]

    for path in FILES:
        last_line = path.read_text().splitlines()[-1]
        assert sum(text.splitlines()[-1] == last_line for text in loaded) == 1
    assert not any(scripts.INCLUDE.search(text) for text in loaded)
    assert "local LATEST_POLL = 400\n" in scripts.POLL.text
