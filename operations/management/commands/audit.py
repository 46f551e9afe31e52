"""manage.py audit: check the data for violations of the guarantees."""

import dataclasses
import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from concertbook.errors import NotFound
from operations.services.audit import Audit, Finding, full_audit, note_audit
from operations.services.ledger_proof import LedgerHash, Totals


class Command(BaseCommand):
    help = (
        "Check the live database for violations, in one snapshot, and print the sums and a hash"
        " over the ledger to compare with later; exits 1 if there is a violation."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
        parser.add_argument(
            "--as-of",
            type=int,
            metavar="LINE",
            help="hash the ledger up to the line of this id, as an earlier audit did",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            audit = full_audit(as_of=options["as_of"])
        except NotFound:
            raise CommandError(f"The ledger has no line {options['as_of']} yet.") from None
        note_audit(audit=audit)
        self.stdout.write(as_json(audit) if options["json"] else as_text(audit))
        violations = sum(finding.violations for finding in audit.findings)
        if violations:
            raise CommandError(f"The audit found {violations:,} violations.")


def as_json(audit: Audit) -> str:
    checks = [
        {
            "check": finding.check.name,
            "meaning": finding.check.meaning,
            "violations": finding.violations,
            "examples": finding.examples,
        }
        for finding in audit.findings
    ]
    totals = dataclasses.asdict(audit.totals) | {
        "net_sales": audit.totals.net_sales,
        "difference": audit.totals.difference,
    }
    return json.dumps(
        {"checks": checks, "totals": totals, "ledger": dataclasses.asdict(audit.ledger)}, indent=2
    )


def as_text(audit: Audit) -> str:
    parts = (as_table(audit.findings), as_sums(audit.totals), as_line(audit.ledger))
    return "\n\n".join(parts)


def as_table(findings: list[Finding]) -> str:
    """One line per check, and the meaning below a check with violations."""
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


def as_sums(totals: Totals) -> str:
    """Charged + granted + compensation + credit = balances + net sales, in won."""
    rows = [
        ("charged", totals.charged),
        ("granted by OTHER lines", totals.granted),
        ("paid as compensation", totals.compensated),
        ("given as credit", totals.credited),
        ("in balances", totals.balances),
        ("net sales", totals.net_sales),
        ("  paid", totals.paid),
        ("  refunded", totals.refunded),
        ("difference, must be 0", totals.difference),
    ]
    return "\n".join(f"{name:<40}  {won:>20,}" for name, won in rows)


def as_line(ledger: LedgerHash) -> str:
    return f"ledger as of line {ledger.as_of}: {ledger.lines:,} lines, sha256 {ledger.sha256}"
