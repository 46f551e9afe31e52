"""manage.py audit: is everything that was promised true of the data?"""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from payments.services.audit import Finding, run_audit


class Command(BaseCommand):
    help = "Check the live database against every promise, in one snapshot; exits 1 if one broke."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = run_audit()
        self.stdout.write(as_json(findings) if options["json"] else as_table(findings))
        violations = sum(finding.violations for finding in findings)
        if violations:
            raise CommandError(f"The audit found {violations:,} violations.")


def as_json(findings: list[Finding]) -> str:
    rows = [
        {
            "check": finding.check.name,
            "meaning": finding.check.meaning,
            "violations": finding.violations,
            "examples": finding.examples,
        }
        for finding in findings
    ]
    return json.dumps(rows, indent=2)


def as_table(findings: list[Finding]) -> str:
    """One line per check, and under a check that found something what it means."""
    width = max(len(finding.check.name) for finding in findings)
    lines = [f"{'check':<{width}}  violations  examples"]
    for finding in findings:
        examples = ", ".join(finding.examples)
        lines.append(
            f"{finding.check.name:<{width}}  {finding.violations:>10,}  {examples}".rstrip()
        )
        if finding.violations:
            lines.append(f"  {finding.check.meaning}")
    return "\n".join(lines)
