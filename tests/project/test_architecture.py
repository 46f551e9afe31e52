"""The pictures in docs/architecture.md show what import-linter enforces."""

import re
import tomllib
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOCUMENT = (ROOT / "docs" / "architecture.md").read_text()


APPS = ("accounts", "queueing", "concerts", "payments", "operations", "concertbook")


def test_cursors_are_opened_in_one_package_alone():
    sources = {path for app in APPS for path in (ROOT / app).rglob("*.py")}
    opening = {path for path in sources if "connection.cursor()" in path.read_text()}

    assert {path.parent for path in opening} == {ROOT / "concertbook" / "db"}


def test_the_picture_of_the_floors_is_the_contract_of_the_import_linter():
    assert picture_of_floors() == [*contract("Floors")["layers"], "tools"]


def test_the_picture_of_the_rooms_is_the_contract_of_the_import_linter():
    rooms = contract("Rooms")

    assert picture_of_rooms() == rooms["layers"]
    assert rooms["containers"] == contract("Floors")["layers"]


def contract(name: str) -> dict[str, Any]:
    """The one contract whose name begins so."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    contracts: list[dict[str, Any]] = settings["contracts"]
    (found,) = (each for each in contracts if each["name"].startswith(f"{name}:"))
    return found


def picture_of_floors() -> list[str]:
    """The floors from top to bottom, as the arrows of the picture go."""
    (chart,) = re.findall(r"```mermaid\nflowchart LR\n(.*?)```", DOCUMENT, re.DOTALL)
    return [re.sub(r"\[.*\]", "", floor).strip() for floor in chart.split("-->")]


def picture_of_rooms() -> list[str]:
    (line,) = re.findall(r"^```\n(.* > .*)\n```$", DOCUMENT, re.MULTILINE)
    return str(line).split(" > ")
