"""The picture in docs/architecture.md shows what import-linter enforces."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_picture_of_the_floors_is_the_contract_of_the_import_linter():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    (layers,) = (each["layers"] for each in contracts["contracts"] if each["type"] == "layers")

    assert picture() == [*layers, "tools"]


def picture() -> list[str]:
    """The floors from top to bottom, as the arrows of the picture go."""
    text = (ROOT / "docs" / "architecture.md").read_text()
    (chart,) = re.findall(r"```mermaid\nflowchart LR\n(.*?)```", text, re.DOTALL)
    return [re.sub(r"\[.*\]", "", floor).strip() for floor in chart.split("-->")]
