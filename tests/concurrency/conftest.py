from collections.abc import Iterator
from typing import Any

import pytest

from operations.services.audit import run_audit


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("interleavings")
    group.addoption("--schedules", type=int, help="play this many of each scenario, and print")
    group.addoption("--seed", type=int, help="play this one only")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """With --schedules: a table of the scenarios played, and every ending that was reached."""
    if config.getoption("--schedules", None) is None:
        return
    reports = [
        report for result in ("passed", "failed") for report in terminalreporter.getreports(result)
    ]
    for name, told in sorted(each for report in reports for each in report.user_properties):
        if name == "interleavings":
            terminalreporter.write_line(told)


@pytest.fixture(autouse=True)
def _audit_finds_nothing(request: pytest.FixtureRequest, transactional_db: None) -> Iterator[None]:
    """After every race the audit finds nothing, unless the test removed a guard."""
    yield
    if request.node.get_closest_marker("negative_control") is None:
        findings = [finding for finding in run_audit() if finding.violations]
        assert findings == []
