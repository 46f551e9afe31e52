"""docs/seeds.md agrees with the customer's three diagrams and with our models."""

import re
from pathlib import Path

import pytest
from django.apps import apps

DOCS = Path(__file__).resolve().parents[2] / "docs"
SEEDS = ("A", "B", "C")
OURS = re.compile(r"`([a-z]+)\.([A-Z]\w*)\.(\w+)`")


def attributes(seed: str) -> list[str]:
    """`ENTITY.attribute` for each one in the seed's diagram, in its order."""
    text = (DOCS / "seeds" / f"seed-{seed.lower()}.md").read_text()
    diagram = re.search(r"```mermaid(.*?)```", text, re.DOTALL)
    assert diagram
    entities = re.findall(r"^\s*(\w+) \{\n(.*?)\}", diagram[1], re.DOTALL | re.MULTILINE)
    return [
        f"{entity}.{line.split()[1]}"
        for entity, lines in entities
        for line in lines.splitlines()
        if line.strip()
    ]


def mapping(seed: str) -> dict[str, str]:
    """Our column as in the table, by `ENTITY.attribute` of the seed."""
    text = (DOCS / "seeds.md").read_text()
    section = re.search(rf"^## Seed {seed}$(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    assert section
    rows = re.findall(r"^\| `(\w+\.\w+)` \| (.+?) \|", section[1], re.MULTILINE)
    assert len(dict(rows)) == len(rows), "an attribute is mapped twice"
    return dict(rows)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_attribute_of_the_seed_has_its_row_and_no_row_is_made_up(seed):
    assert attributes(seed), "the diagram was not understood"
    assert list(mapping(seed)) == attributes(seed)


@pytest.mark.parametrize("seed", SEEDS)
def test_every_row_names_at_least_one_column_of_ours(seed):
    assert [row for row, ours in mapping(seed).items() if not OURS.search(ours)] == []


def test_every_column_that_the_page_names_exists():
    named = set(OURS.findall((DOCS / "seeds.md").read_text()))

    missing = [name for name in sorted(named) if not hasattr(apps.get_model(*name[:2]), name[2])]

    assert named
    assert missing == []
