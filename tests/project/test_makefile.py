"""What the Makefile names exists: a renamed test or file would end a target without a word."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMED = re.findall(
    r"\b((?:tests|scripts)/[\w/]+\.(?:py|sh))(?:::(\w+))?", (ROOT / "Makefile").read_text()
)


@pytest.mark.parametrize(("path", "test"), NAMED)
def test_a_file_or_test_that_the_makefile_names_exists(path, test):
    assert (ROOT / path).is_file()
    assert not test or f"def {test}(" in (ROOT / path).read_text()
