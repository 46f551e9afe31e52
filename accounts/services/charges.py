"""Top-ups through the payment gateway.

A charge is committed as pending, the gateway is called outside any transaction, and its answer is
settled; a sweep settles the charges that a dead process left pending.
"""

import datetime as dt
import logging
import uuid

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F

from accounts.errors import (
    AccountClosing,
    ChargeDeclined,
    GatewayUnavailable,
    IdempotencyKeyReused,
    InvalidAmount,
)
from accounts.gateway import GatewayAnswer, get_gateway
from accounts.models import BalanceHistory, Charge, User
from accounts.services.idempotency import IdempotentRequest
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.db.refusals import refused_by

logger = logging.getLogger(__name__)

# The trigger in accounts/constraints.
TRIGGERS = {"accounts_no_charge_for_closing_account": AccountClosing}
# A charge that is pending for longer belongs to a dead process: the sweep asks the gateway again.
SETTLE_AFTER = dt.timedelta(seconds=30)
# Each may take the gateway's time-out, and a round must end before the next begins.
SETTLE_FAILURES = 3


def charge(*, user: User, amount: int, once: IdempotentRequest | None = None) -> BalanceHistory:
    """Top up the user's balance through the gateway, by ``amount`` won.

    Raises InvalidAmount; AccountClosing; ChargeDeclined after the refusal was recorded;
    GatewayUnavailable when the outcome is unknown and the charge is left pending for a retry or the
    sweep; with ``once`` also what its claim raises.
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
    """Call the gateway, outside any transaction: it may take seconds, too long to hold a lock.

    A settled charge is not sent again: a declined one remains declined under its key.
    """
    if pending.status != Charge.Status.PENDING:
        approved = pending.status == Charge.Status.SUCCESS
        return GatewayAnswer(approved=approved, reason=pending.reason)
    try:
        return get_gateway().charge(charge_id=pending.pk, amount=pending.amount)
    except OSError as exc:
        raise GatewayUnavailable(retry_after=30) from exc


def _begin_charge(user: User, amount: int, once: IdempotentRequest | None) -> Charge:
    """A new pending charge, or the existing one of this key.

    The gateway charges nothing twice for one charge, so a retry may run in parallel with the first
    attempt: the first one settles the charge, the other finds it settled.
    """
    with refused_by(**TRIGGERS):
        if once is None:
            return Charge.objects.create(user=user, amount=amount)
        pending, _created = Charge.objects.get_or_create(
            user=user, key=once.key, defaults={"amount": amount}
        )
    if pending.amount != amount:
        raise IdempotencyKeyReused
    return pending


def is_valid_charge(amount: object) -> bool:
    # bool is an int in Python, and True is not an amount.
    return type(amount) is int and 0 < amount <= settings.CHARGE_MAX_WON


def settle_charge(
    *, charge_id: uuid.UUID, answer: GatewayAnswer, once: IdempotentRequest | None = None
) -> BalanceHistory:
    """Record the gateway's answer; a second call changes nothing and returns the line."""
    with transaction.atomic(durable=True):
        locked = Charge.objects.select_for_update(of=("self",), no_key=True)
        pending = locked.select_related("user").get(pk=charge_id)
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
        (line,) = write_lines(entries=[(balance, entry)])
        if answer.approved:
            queue([new_message(kind="top_up", user=pending.user, data={"charge": str(charge_id)})])
        return _answer_for(line, once)


def _answer_for(line: BalanceHistory, once: IdempotentRequest | None) -> BalanceHistory:
    # The charge has recorded the decline; a retry under the same key finds it there.
    if once and line.status == BalanceHistory.Status.SUCCESS:
        once.save(line)
    return line


def settle_pending_charges() -> int:
    """Finish the charges of processes that died during the gateway's call; returns how many.

    Oldest first. The round ends after several charges that the gateway does not settle; the next
    rounds try these last, so that they do not block the others.
    """
    # No index has the sum: by the age alone, they would be looked for among the settled ones.
    unsettled = Charge.objects.filter(is_pending=True).alias(due_at=F("created_at") + SETTLE_AFTER)
    overdue = unsettled.filter(due_at__lt=database_now())
    settled = failures = 0
    for pending in overdue.order_by(F("asked_at").asc(nulls_first=True), "created_at")[:1000]:
        try:
            answer = get_gateway().charge(charge_id=pending.pk, amount=pending.amount)
            settle_charge(charge_id=pending.pk, answer=answer)
            settled += 1
        except (
            OperationalError,
            InterfaceError,
        ):  # our own database is away: no fault of this charge
            raise
        except Exception as exc:
            # An unreachable gateway is expected; any other exception is a bug.
            level = logging.WARNING if isinstance(exc, OSError) else logging.ERROR
            logger.log(level, "The gateway does not settle %s: %r", pending.pk, exc)
            Charge.objects.filter(pk=pending.pk).update(asked_at=database_now())
            failures += 1
            if failures == SETTLE_FAILURES:
                break
    return settled
