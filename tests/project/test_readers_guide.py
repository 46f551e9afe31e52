"""Each step of docs/readers-guide.md exists, and no answer is further than four steps away."""

import ast
import re
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


def names_in(path: Path) -> set[str]:
    """The functions and classes of a file."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {node.name for node in nodes if isinstance(node, ast.FunctionDef | ast.ClassDef)}
