"""Each step of docs/readers-guide.md is shown by the one before; four lead to any answer."""

import ast
import re
from itertools import pairwise
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / "docs" / "readers-guide.md"
STEP = r"\[[^]]+\]\(([^)]+)\)|`([^`]+)`"


def ways() -> list[list[str]]:
    """The steps from the README to the answer of each question."""
    text = GUIDE.read_text()
    way = rf"\*\*\d+\. [^*]+\*\*\n((?:{STEP})(?:\s*→\s*(?:{STEP}))+)"
    return [
        [str(ROOT / "docs" / link) if link else name for link, name in re.findall(STEP, match[0])]
        for match in re.finditer(way, text)
    ]


def test_the_guide_answers_fifteen_questions():
    assert len(ways()) == len(re.findall(r"^\*\*\d+\.", GUIDE.read_text(), re.MULTILINE)) == 15


@pytest.mark.parametrize("way", ways(), ids=lambda way: way[-1])
def test_an_answer_is_at_most_four_steps_from_the_readme(way):
    readme, *steps = way
    assert Path(readme).resolve() == ROOT / "README.md"
    assert 1 <= len(steps) <= 4


@pytest.mark.parametrize("way", ways(), ids=lambda way: way[-1])
def test_every_step_of_a_way_exists(way):
    for step in way:
        path, _colon, name = step.partition(":")
        assert (ROOT / path).exists(), path
        assert not name or name in names_in(ROOT / path), step


@pytest.mark.parametrize("way", ways(), ids=lambda way: way[-1])
def test_a_step_is_shown_by_the_step_before(way):
    for before, after in pairwise(way):
        file, _colon, name = after.partition(":")
        shown_by = (ROOT / before.partition(":")[0]).resolve()
        if shown_by.is_dir():
            assert (ROOT / file).is_relative_to(shown_by), f"{after} is not in {before}"
        else:
            shown = shown_by.read_text()
            assert Path(file).stem in shown or (name and name in shown), f"{before}: no {after}"


def names_in(path: Path) -> set[str]:
    """The functions and classes of a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
