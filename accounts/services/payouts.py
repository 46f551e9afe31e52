"""Money that is paid out of a balance to its user's bank account, by the staff."""

import uuid

from django.db import transaction

from accounts.errors import InsufficientBalance, InvalidAmount
from accounts.models import BalanceHistory, User
from accounts.services import activity
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from concertbook.db.clock import database_now

PAID_OUT = "paid_out"


def pay_out(
    *, user: User, amount: int, actor: User | None = None, reason: str = ""
) -> BalanceHistory:
    """Record that ``amount`` won was paid out. Raises InvalidAmount, InsufficientBalance."""
    if amount <= 0:
        raise InvalidAmount
    with transaction.atomic(durable=True):
        balance = lock_balance(user_id=user.pk)
        if balance.amount < amount:
            raise InsufficientBalance(balance=balance.amount, total=amount)
        entry = LedgerEntry(
            type=BalanceHistory.Type.OTHER,
            amount=-amount,
            source=uuid.uuid4(),
            at=database_now(),
            reason=PAID_OUT,
        )
        (line,) = write_lines(entries=[(balance, entry)])
        paid = {"amount": amount}
        activity.record(actor=actor, act="balance.payout", target=user, new=paid, reason=reason)
    return line
