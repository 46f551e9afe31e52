"""The sums of an audit, and a hash over the whole ledger.

The hash is SHA-256 over the output of ``COPY (...) TO STDOUT (FORMAT csv)`` for LINES in UTF-8, so
it can be computed with psql and sha256sum as well (docs/operations.md).
"""

import hashlib
import time
from dataclasses import dataclass

from django.db.models import Max

from accounts.models import BalanceHistory
from concertbook.db.statements import copy_as_csv, fetch_all, fetch_row
from concertbook.errors import NotFound, Unavailable

WAIT_SECONDS = 30
POLL_SECONDS = 0.05

LINES = """
    SELECT id, balance_id, seq, type, status, amount, balance_after, reason, source,
           to_char(created_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
    FROM accounts_balancehistory WHERE id <= {as_of:d} ORDER BY id
"""

REHEARSING = "SELECT id FROM accounts_user WHERE rehearsal <> ''"


def totals_of(whose: str) -> str:
    """The query for charged, granted, compensated, credited, balances, paid and refunded.

    ``whose`` is the condition on ``user_id``: REAL or REHEARSED.
    """
    return f"""
        SELECT
            (SELECT coalesce(sum(amount), 0) FROM accounts_charge
             WHERE status = 'SUCCESS' AND {whose}) AS charged,
            (SELECT coalesce(sum(delta), 0) FROM accounts_balancehistory line
             JOIN accounts_balance balance ON balance.id = line.balance_id
             WHERE type = 'OTHER' AND {whose}) AS granted,
            (SELECT coalesce(sum(refund.compensation), 0) FROM payments_refund refund
             JOIN payments_payment payment ON payment.id = refund.payment_id
             WHERE {whose}) AS compensated,
            (SELECT coalesce(sum(amount), 0) FROM accounts_credit
             WHERE state = 'GIVEN' AND {whose}) AS credited,
            (SELECT coalesce(sum(amount), 0) FROM accounts_balance WHERE {whose}) AS balances,
            (SELECT coalesce(sum(amount), 0) FROM payments_payment
             WHERE status = 'SUCCESS' AND {whose}) AS paid,
            (SELECT coalesce(sum(refund.amount), 0) FROM payments_refund refund
             JOIN payments_payment payment ON payment.id = refund.payment_id
             WHERE {whose}) AS refunded
    """


REAL = f"user_id NOT IN ({REHEARSING})"
REHEARSED = f"user_id IN ({REHEARSING})"


@dataclass(frozen=True)
class Totals:
    """Sums over all users except rehearsals' buyers, in won. ``granted`` is the sum of OTHER
    lines."""

    charged: int
    granted: int
    compensated: int
    credited: int
    balances: int
    paid: int
    refunded: int

    @property
    def net_sales(self) -> int:
        return self.paid - self.refunded

    @property
    def difference(self) -> int:
        """Incoming money less existing money; must be 0."""
        incoming = self.charged + self.granted + self.compensated + self.credited
        return incoming - self.balances - self.net_sales


@dataclass(frozen=True)
class LedgerHash:
    """``sha256`` over the ``lines`` of the ledger up to the id ``as_of``, 0 for none."""

    as_of: int
    lines: int
    sha256: str


def read_totals() -> Totals:
    """The sums in the caller's snapshot."""
    return Totals(*map(int, fetch_row(totals_of(REAL))))


def hash_ledger(*, as_of: int) -> LedgerHash:
    """The hash over all lines up to this one, in constant memory.

    It never changes later if no line up to there was uncommitted (see settled_line).
    """
    digest = hashlib.sha256()
    for block in copy_as_csv(LINES.format(as_of=as_of)):
        digest.update(block)
    lines = BalanceHistory.objects.filter(pk__lte=as_of).count()
    return LedgerHash(as_of=as_of, lines=lines, sha256=digest.hexdigest())


def settled_line(*, wanted: int | None = None) -> int:
    """The last line's id, or ``wanted``, when no line can be committed before it any more.

    An id is drawn before its line is committed, so a lower one may appear after a higher one:
    this waits for the transactions that write to the ledger now, and blocks none. Outside a
    transaction. Raises NotFound when the ledger is shorter; Unavailable when a transaction
    writes for longer than WAIT_SECONDS.
    """
    last: int = BalanceHistory.objects.aggregate(last=Max("pk", default=0))["last"]
    if wanted is not None and wanted > last:
        raise NotFound
    before_us = _writers()
    deadline = time.monotonic() + WAIT_SECONDS
    while before_us & _writers():
        if time.monotonic() > deadline:
            raise Unavailable
        time.sleep(POLL_SECONDS)
    return last if wanted is None else wanted


def _writers() -> set[str]:
    """The transactions that write to the ledger now: each takes this lock before it draws an id."""
    found = fetch_all(
        """
        SELECT virtualtransaction FROM pg_locks
        WHERE relation = 'accounts_balancehistory'::regclass AND mode = 'RowExclusiveLock'
          AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
          AND pid <> pg_backend_pid()
        """
    )
    return {transaction for (transaction,) in found}
