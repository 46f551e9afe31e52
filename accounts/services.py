"""Balance and ledger: every won that moves, moves here."""

import datetime as dt
import logging
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F, QuerySet

from accounts.errors import (
    ChargeDeclined,
    GatewayUnavailable,
    IdempotencyKeyReused,
    InvalidAmount,
)
from accounts.gateway import GatewayAnswer, get_gateway
from accounts.idempotency import IdempotentRequest
from accounts.models import Balance, BalanceHistory, Charge, User
from concertbook.db.clock import database_now
from concertbook.db.literals import Literal
from concertbook.db.prepared import AnyOf, PreparedLock
from concertbook.db.rows import Insert, Update, write_rows

logger = logging.getLogger(__name__)

# A charge still pending after this long belonged to a process that died: ask the gateway again.
SETTLE_AFTER = dt.timedelta(seconds=30)
# Each may take the gateway's own time-out, and a round must be over before the next.
SETTLE_FAILURES = 3


@dataclass(frozen=True)
class LedgerEntry:
    """One line to write. ``amount`` in won; ``source`` is the charge, payment or refund.

    ``at`` is the source's own moment, so that both fall on the same day.
    """

    type: BalanceHistory.Type
    amount: int
    source: uuid.UUID
    at: dt.datetime
    status: BalanceHistory.Status = BalanceHistory.Status.SUCCESS
    reason: str = ""


def charge(*, user: User, amount: int, once: IdempotentRequest | None = None) -> BalanceHistory:
    """Top up the user's balance through the gateway, by ``amount`` won.

    Raises InvalidAmount; ChargeDeclined after the refusal was recorded; GatewayUnavailable when
    nothing is known yet, and the charge stays pending for a retry or the sweep; with ``once``
    also what its claim raises.
    """
    if not is_valid_charge(amount):
        raise InvalidAmount
    if once:
        once.find_answer()
    pending = _begin_charge(user, amount, once)
    answer = _ask_gateway(pending)
    line = settle_charge(charge_id=pending.pk, answer=answer, once=once)
    if line.status == BalanceHistory.Status.FAILED:
        raise ChargeDeclined(reason=line.reason)
    return line


def _ask_gateway(pending: Charge) -> GatewayAnswer:
    """Outside any transaction: a gateway may take seconds, and a lock must not.

    A charge that is settled is not asked for again: a decline stays one under its key.
    """
    if pending.status != Charge.Status.PENDING:
        approved = pending.status == Charge.Status.SUCCESS
        return GatewayAnswer(approved=approved, reason=pending.reason)
    try:
        return get_gateway().charge(charge_id=pending.pk, amount=pending.amount)
    except OSError as exc:
        raise GatewayUnavailable(retry_after=30) from exc


def _begin_charge(user: User, amount: int, once: IdempotentRequest | None) -> Charge:
    """A new pending charge, or the one that this key began before.

    The gateway takes nothing twice for one charge, so a retry may follow the first attempt at
    its heels: whichever settles first, the other finds it settled.
    """
    if once is None:
        return Charge.objects.create(user=user, amount=amount)
    pending, _created = Charge.objects.get_or_create(
        user=user, key=once.key, defaults={"amount": amount}
    )
    if pending.amount != amount:
        raise IdempotencyKeyReused
    return pending


def is_valid_charge(amount: object) -> bool:
    # bool is an int in Python; true is not an amount.
    return type(amount) is int and 0 < amount <= settings.CHARGE_MAX_WON


def settle_charge(
    *, charge_id: uuid.UUID, answer: GatewayAnswer, once: IdempotentRequest | None = None
) -> BalanceHistory:
    """Write the gateway's answer down: a second call changes nothing and returns the line."""
    with transaction.atomic(durable=True):
        pending = Charge.objects.select_for_update(no_key=True).get(pk=charge_id)
        if once:
            once.claim()
        if pending.status != Charge.Status.PENDING:
            return _answer_for(BalanceHistory.objects.get(source=charge_id), once)
        balance = lock_balance(user_id=pending.user_id)
        pending.status = Charge.Status.SUCCESS if answer.approved else Charge.Status.FAILED
        pending.reason = answer.reason
        pending.charged_at = database_now()
        pending.save(update_fields=["status", "reason", "charged_at"])
        entry = LedgerEntry(
            type=BalanceHistory.Type.CHARGE,
            amount=pending.amount,
            source=pending.pk,
            at=pending.charged_at,
            status=BalanceHistory.Status(pending.status),
            reason=pending.reason,
        )
        (line,) = write_lines(balance=balance, entries=[entry])
        return _answer_for(line, once)


def _answer_for(line: BalanceHistory, once: IdempotentRequest | None) -> BalanceHistory:
    # A decline is a refusal: the charge itself remembers it for whoever asks again.
    if once and line.status == BalanceHistory.Status.SUCCESS:
        once.save(line)
    return line


def settle_pending_charges() -> int:
    """Finish charges whose process died between the gateway and us; returns how many.

    Oldest first; some that the gateway does not settle end the round. Those come last from then
    on, so that no charge waits behind them for good.
    """
    overdue = Charge.objects.filter(
        status=Literal("PENDING"), created_at__lt=database_now() - SETTLE_AFTER
    )
    settled = failures = 0
    for pending in overdue.order_by(F("asked_at").asc(nulls_first=True), "created_at")[:1000]:
        try:
            answer = get_gateway().charge(charge_id=pending.pk, amount=pending.amount)
            settle_charge(charge_id=pending.pk, answer=answer)
            settled += 1
        except (OperationalError, InterfaceError):  # ours is away, and no charge to blame
            raise
        except Exception as exc:
            # Out of reach is the gateway's business, anything else somebody's mistake.
            level = logging.WARNING if isinstance(exc, OSError) else logging.ERROR
            logger.log(level, "The gateway does not settle %s: %r", pending.pk, exc)
            Charge.objects.filter(pk=pending.pk).update(asked_at=database_now())
            failures += 1
            if failures == SETTLE_FAILURES:
                break
    return settled


def balance_amount(*, user: User) -> int:
    """What the user has to spend, in won; 0 for somebody who never charged."""
    return Balance.objects.filter(user=user).values_list("amount", flat=True).first() or 0


def balance_history(*, user: User, type: str = "") -> QuerySet[BalanceHistory]:
    """The user's ledger, newest line first; ``type`` keeps one of BalanceHistory.Type."""
    lines = BalanceHistory.objects.filter(balance__user=user).order_by("-seq")
    return lines.filter(type=type) if type else lines


def lock_balance(*, user_id: uuid.UUID) -> Balance:
    """The user's balance under its row lock, made on first use.

    Inside a transaction only, and last in the lock order (token, seats, reservations, balance).
    """
    found = lock_balances(user_ids=[user_id])
    if not found:
        Balance.objects.bulk_create([Balance(user_id=user_id)], ignore_conflicts=True)
        found = lock_balances(user_ids=[user_id])
    return found[user_id]


def lock_balances(*, user_ids: Iterable[uuid.UUID], wait: bool = True) -> dict[uuid.UUID, Balance]:
    """The balances that these users have, by user, under their row locks in key order.

    As lock_balance: inside a transaction only, and last in the lock order. Without ``wait`` one
    that another transaction has locked is missing.
    """
    found = LOCKED_BALANCES.fetch(wait=wait, users=list(user_ids))
    return {balance.user_id: balance for balance in found}


def _locked_balances(wait: bool) -> QuerySet[Balance]:
    balances = Balance.objects.filter(AnyOf("user", "users")).order_by("pk")
    locked = balances.select_for_update(no_key=True, skip_locked=not wait)
    return locked.only("user", "amount", "last_seq")


LOCKED_BALANCES = PreparedLock(_locked_balances)


def write_lines(*, balance: Balance, entries: Sequence[LedgerEntry]) -> list[BalanceHistory]:
    """Append lines to the ledger and move the balance with them, all or none.

    The caller holds the balance's lock (lock_balance) and has checked that the money is there;
    the database refuses a balance below 0 and a second line for one source.
    """
    lines = [_next_line(balance, entry) for entry in entries]
    write_rows(*_moved(lines))
    return lines


def write_lines_of_many(*, entries: Iterable[tuple[Balance, LedgerEntry]]) -> None:
    """write_lines for several balances, all of them locked, in one statement as for one."""
    write_rows(*new_lines(entries))


def new_lines(entries: Iterable[tuple[Balance, LedgerEntry]]) -> tuple[Update, Insert]:
    """What write_lines_of_many writes, for a statement that writes more."""
    return _moved([_next_line(balance, entry) for balance, entry in entries])


def _moved(lines: Sequence[BalanceHistory]) -> tuple[Update, Insert]:
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
