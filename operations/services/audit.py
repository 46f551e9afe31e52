"""The audit: searches a live database for violations, in one snapshot.

The database's constraints refuse most of these when they are written. The audit checks the data
itself, to find the effects of a dropped constraint, a restored dump or a script.
"""

from dataclasses import dataclass

from accounts.models import User
from accounts.services import activity
from concertbook.db.statements import fetch_row
from operations.services.audit_checks import CHECKS, Check
from operations.services.ledger_proof import (
    LedgerHash,
    Totals,
    hash_ledger,
    read_totals,
    settled_line,
)
from operations.services.snapshot import snapshot

STATEMENT_TIMEOUT = "10min"
EXAMPLES = 3


@dataclass(frozen=True)
class Finding:
    """The result of one check: the number of violations, and the first few."""

    check: Check
    violations: int
    examples: list[str]


@dataclass(frozen=True)
class Audit:
    """All findings, and the sums and the hash to compare with later."""

    findings: list[Finding]
    totals: Totals
    ledger: LedgerHash


def run_audit() -> list[Finding]:
    """Run every check in one read-only snapshot; one finding each, also without violations.

    Takes no lock and may run during a sale. Not inside a transaction.
    """
    with snapshot(statement_timeout=STATEMENT_TIMEOUT):
        return run_checks()


def full_audit(*, as_of: int | None = None) -> Audit:
    """run_audit with the totals of the same snapshot, and a hash over the ledger.

    The hash is over the lines up to the id ``as_of``, by default the last one. Raises NotFound
    for a line that does not exist yet, Unavailable when the ledger is written to without a pause.
    """
    last = settled_line(wanted=as_of)
    with snapshot(statement_timeout=STATEMENT_TIMEOUT):
        return Audit(run_checks(), read_totals(), hash_ledger(as_of=last))


def note_audit(*, audit: Audit, actor: User | None = None) -> None:
    """Write into the log what the audit found."""
    violations = {each.check.name: each.violations for each in audit.findings if each.violations}
    activity.record(actor=actor, act="audit.run", new={"findings": violations or 0})


def run_checks() -> list[Finding]:
    """Run every check in the caller's transaction."""
    return [_run(check) for check in CHECKS]


def _run(check: Check) -> Finding:
    violations, examples = fetch_row(
        f"""
        SELECT count(*), (array_agg(what::text ORDER BY what))[1:{EXAMPLES}]
        FROM ({check.violations}) violation (what)
        """
    )
    return Finding(check=check, violations=violations, examples=examples or [])
