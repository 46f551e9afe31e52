"""The README's commands work, and its links exist."""

import os
import re
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.factories import ScheduleFactory

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text()
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


def purchase(base: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run the README's block in a shell in ``folder``."""
    (block,) = re.findall(r"^```bash\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    environ = {**os.environ, "BASE": base, "NO_PROXY": "*", "PYTHONUTF8": "1"}
    return subprocess.run(
        ["bash", "-c", block], cwd=folder, env=environ, capture_output=True, text=True, timeout=120
    )


@pytest.mark.django_db(transaction=True)
def test_the_purchase_by_curl_can_be_pasted(live_server, tmp_path):
    ScheduleFactory(seats=1)  # on sale, but not for two
    wanted = ScheduleFactory(seats=5, price=50_000, concert__title="한밤의 재즈")

    ran = purchase(live_server.url, tmp_path)

    assert ran.returncode == 0, ran.stdout + ran.stderr
    said = ran.stdout.splitlines()
    assert said[:2] == ["balance: 500000 won", "한밤의 재즈"]
    assert said[2].startswith("seats [1, 2]: 100000 won, held until 20")
    assert said[3] == "paid, 400000 won left"
    assert [line.split()[-3:] for line in said[4:6]] == [["ISSUED", "50000", "won"]] * 2
    assert ET.parse(tmp_path / "ticket.svg").getroot().tag.endswith("svg")
    assert list(wanted.seats.filter(status="RESERVED").values_list("number", flat=True)) == [1, 2]


@pytest.mark.django_db(transaction=True)
def test_the_purchase_by_curl_stops_at_the_first_refusal(live_server, tmp_path):
    ScheduleFactory(seats=5, price=600_000)  # more than it charges

    ran = purchase(live_server.url, tmp_path)

    assert ran.returncode != 0
    assert "insufficient_balance" in ran.stderr
    assert not (tmp_path / "ticket.svg").exists()


@pytest.mark.parametrize("document", PAGES, ids=lambda document: document.name)
def test_every_link_leads_somewhere(document):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", document.read_text())

    assert [link for link in links if not (document.parent / link).exists()] == []


def test_every_make_command_that_the_pages_name_exists():
    targets = re.findall(r"^([a-z-]+):.*##", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = {
        word for page in PAGES for word in re.findall(r"[`\n]make ([a-z-]+)", page.read_text())
    }

    assert named
    assert sorted(named - set(targets)) == []
