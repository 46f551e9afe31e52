"""Top-ups through the payment gateway.

A charge is committed as pending, the gateway is asked outside any transaction, and its answer is
settled; a sweep settles the charges that a dead process left pending.
"""

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from accounts.errors import (
    ChargeDeclined,
    GatewayUnavailable,
    IdempotencyKeyReused,
    InvalidAmount,
)
from accounts.gateway import GatewayAnswer, get_gateway
from accounts.models import BalanceHistory, Charge, User
from accounts.services.idempotency import IdempotentRequest
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from concertbook.db.clock import database_now
from concertbook.db.literals import Literal

logger = logging.getLogger(__name__)

# A charge still pending after this long belonged to a process that died: ask the gateway again.
SETTLE_AFTER = dt.timedelta(seconds=30)
# Each may take the gateway's own time-out, and a round must be over before the next.
SETTLE_FAILURES = 3


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
