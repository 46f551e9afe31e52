"""Money that is paid out of a balance to its user's bank account, by the staff."""

import uuid
from contextlib import suppress

from django.db import transaction

from accounts.email_addresses import fold_email
from accounts.errors import InsufficientBalance, InvalidAmount
from accounts.models import BalanceHistory, User
from accounts.services import activity
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.owed_money import list_owed
from concertbook.db.clock import database_now
from concertbook.http.ids import parse_uuid

PAID_OUT = "paid_out"


class UnclearAccount(Exception):
    """No account, or several, have this address; the message lists them."""


def find_payee(*, address: str) -> User:
    """The account of an e-mail address or of an id: the living one, or a deleted one that is owed
    money. Raises UnclearAccount."""
    with suppress(ValueError):
        return _only(list(User.objects.filter(pk=parse_uuid(address))), address)
    former = [each for each in list_owed() if each.email == fold_email(address)]
    users = [*User.objects.with_email(address), *(each.user for each in former)]
    return _only(users, address)


def _only(users: list[User], address: str) -> User:
    if len(users) == 1:
        return users[0]
    if not users:
        raise UnclearAccount("There is no account with this address.")
    ids = ", ".join(f"{user.pk} ({user.email or 'deleted'})" for user in users)
    raise UnclearAccount(f"{address} belongs to several accounts. Name one by its id: {ids}.")


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
