"""The ledger and the balances: the only place where money moves.

Triggers in accounts/constraints guarantee it: accounts_line_continues_the_one_before,
accounts_balance_equals_last_line and accounts_ledger_is_append_only.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.db.models import QuerySet

from accounts.models import Balance, BalanceHistory, User
from concertbook.db.prepared import AnyOf, Param, Prepared, PreparedLock
from concertbook.db.rows import Insert, Update, write_rows


@dataclass(frozen=True)
class LedgerEntry:
    """One line to write. ``amount`` in won; ``source`` is the charge, payment, refund,
    compensation or credit.

    ``at`` is the source's own time, so that both are on the same day.
    """

    type: BalanceHistory.Type
    amount: int
    source: uuid.UUID
    at: dt.datetime
    status: BalanceHistory.Status = BalanceHistory.Status.SUCCESS
    reason: str = ""


def balance_amount(*, user: User) -> int:
    """The user's balance in won; 0 for a user who never charged."""
    return Balance.objects.filter(user=user).values_list("amount", flat=True).first() or 0


def balance_history(*, user: User, type: str = "") -> QuerySet[BalanceHistory]:
    """The user's ledger, newest line first; ``type`` keeps one of BalanceHistory.Type."""
    return _lines(user, type)


def newest_lines(*, user: User, type: str = "", most: int) -> list[BalanceHistory]:
    """The first so many of balance_history. One statement."""
    return _newest(type, most).fetch(user=user.pk)


@cache
def _newest(type: str, most: int) -> Prepared[BalanceHistory]:
    return Prepared(lambda: _lines(Param("user"), type)[:most])


def _lines(user: Any, type: str) -> QuerySet[BalanceHistory]:
    lines = BalanceHistory.objects.filter(balance__user=user).order_by("-seq")
    return lines.filter(type=type) if type else lines


def lock_balance(*, user_id: uuid.UUID) -> Balance:
    """The user's balance under its row lock, created on first use.

    Inside a transaction only, and last in the lock order (token, seats, reservations, balance).
    """
    found = lock_balances(user_ids=[user_id])
    if not found:
        Balance.objects.bulk_create([Balance(user_id=user_id)], ignore_conflicts=True)
        found = lock_balances(user_ids=[user_id])
    return found[user_id]


def lock_balances(*, user_ids: Iterable[uuid.UUID], wait: bool = True) -> dict[uuid.UUID, Balance]:
    """The existing balances of these users, by user, under their row locks in key order.

    As lock_balance: inside a transaction only, and last in the lock order. Without ``wait``,
    balances that another transaction has locked are missing.
    """
    found = LOCKED_BALANCES.fetch(wait=wait, users=list(user_ids))
    return {balance.user_id: balance for balance in found}


def _locked_balances(wait: bool) -> QuerySet[Balance]:
    balances = Balance.objects.filter(AnyOf("user", "users")).order_by("pk")
    locked = balances.select_for_update(no_key=True, skip_locked=not wait)
    return locked.only("user", "amount", "last_seq")


LOCKED_BALANCES = PreparedLock(_locked_balances)


def write_lines(*, entries: Iterable[tuple[Balance, LedgerEntry]]) -> list[BalanceHistory]:
    """Append lines to ledgers and move their balances, all or none, in one statement.

    The caller holds the locks of the balances (lock_balances) and has checked that they suffice;
    the database refuses a balance below 0 and a second line for one source.
    """
    lines = [_next_line(balance, entry) for balance, entry in entries]
    write_rows(*_rows_of(lines))
    return lines


def new_lines(entries: Iterable[tuple[Balance, LedgerEntry]]) -> tuple[Update, Insert]:
    """What write_lines writes, as part of a larger statement."""
    return _rows_of([_next_line(balance, entry) for balance, entry in entries])


def _rows_of(lines: Sequence[BalanceHistory]) -> tuple[Update, Insert]:
    for line in lines:
        line.balance.updated_at = line.created_at
    balances = {line.balance_id: line.balance for line in lines}
    return Update(list(balances.values()), ("amount", "last_seq", "updated_at")), Insert(lines)


def _next_line(balance: Balance, entry: LedgerEntry) -> BalanceHistory:
    return balance.add_line(
        type=entry.type,
        amount=entry.amount,
        source=entry.source,
        status=entry.status,
        reason=entry.reason,
        at=entry.at,
    )
