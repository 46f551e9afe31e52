from collections.abc import Iterator
from typing import Any

import pytest

from payments.services.audit import run_audit


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("interleavings")
    group.addoption("--schedules", type=int, default=20, help="orders to play of each scenario")
    group.addoption("--seed", type=int, help="play this order only")


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """What the interleaver played, as a table and with every ending that was seen."""
    reports = terminalreporter.getreports("passed") + terminalreporter.getreports("failed")
    rows = [
        value for each in reports for name, value in each.user_properties if name == "interleavings"
    ]
    for scenario, schedules, traces, violations, *endings in sorted(rows):
        terminalreporter.write_line(f"| {scenario} | {schedules} | {traces} | {violations} |")
        for ending in endings:
            terminalreporter.write_line(f"      {ending}")


@pytest.fixture(autouse=True)
def _audit_finds_nothing(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    """Whatever raced with what, the sale is whole afterwards: unless a guard was taken away."""
    yield
    if request.node.get_closest_marker("negative_control") is None:
        findings = [finding for finding in run_audit() if finding.violations]
        assert findings == []
