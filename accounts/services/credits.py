"""Credit that the staff give to a user out of goodwill, as money in the balance.

1. A member of the staff gives it (give_credit). What they gave the same user alone within
   ALONE_WITHIN counts against their limit, so that a large credit is not given in small ones.
2. Above the limit it waits: a second person approves it or refuses it (decide_credit).

The caller checks the permissions (grant_credit, approve_credit), and knows the limit.
"""

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import Sum

from accounts.errors import (
    CreditDecided,
    IdempotencyKeyReused,
    InvalidAmount,
    SecondPersonNeeded,
)
from accounts.models import Balance, BalanceHistory, Credit, User
from accounts.services import activity
from accounts.services.account_deletion import require_open
from accounts.services.ledger import LedgerEntry, lock_balance, write_lines
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now
from concertbook.errors import NotFound

# A constraint has the same figure (accounts_credit_figures_valid).
MOST = 1_000_000
ALONE_WITHIN = dt.timedelta(days=30)

State = Credit.State


def give_credit(
    *, actor: User, user: User, amount: int, limit: int, reason: str, key: uuid.UUID | None = None
) -> Credit:
    """Give ``amount`` won to the user, or ask a second person to where it is above what is left of
    the actor's ``limit``.

    ``key`` is the form's: sent again, it gives nothing more. Locks the balance. Raises
    InvalidAmount, SecondPersonNeeded for oneself, AccountClosing, IdempotencyKeyReused.
    """
    if not 0 < amount <= MOST:
        raise InvalidAmount
    if actor.pk == user.pk:
        raise SecondPersonNeeded
    with transaction.atomic():
        balance = lock_balance(user_id=user.pk)
        before = Credit.objects.filter(pk=key).first() if key else None
        if before is not None:
            return _same(before, actor, user, amount)
        require_open(user)
        alone = left_alone(actor=actor, user=user, limit=limit)
        is_alone = amount <= alone
        now = database_now()
        credit = Credit.objects.create(
            pk=key or uuid.uuid4(),
            user=user,
            amount=amount,
            alone=alone,
            reason=reason,
            state=State.GIVEN if is_alone else State.WAITING,
            asked_by=actor,
            asked_at=now,
            decided_at=now if is_alone else None,
        )
        if is_alone:
            _pay(credit, balance, now)
        act = "credit.give" if is_alone else "credit.ask"
        activity.record(actor=actor, act=act, target=user, new={"amount": amount}, reason=reason)
    return credit


def _same(before: Credit, actor: User, user: User, amount: int) -> Credit:
    if (before.asked_by_id, before.user_id, before.amount) != (actor.pk, user.pk, amount):
        raise IdempotencyKeyReused
    return before


def left_alone(*, actor: User, user: User, limit: int) -> int:
    """What the actor may still give to this user without a second person, in won; for a rule,
    under the lock of the balance."""
    since = database_now() - ALONE_WITHIN
    alone = user.credits.filter(
        asked_by=actor, state=State.GIVEN, decided_by=None, asked_at__gt=since
    )
    given: int = alone.aggregate(won=Sum("amount", default=0))["won"]
    return max(0, limit - given)


def decide_credit(*, actor: User, credit_id: uuid.UUID, approve: bool, reason: str) -> Credit:
    """Approve a credit that waits, which pays it, or refuse it. The same decision of the same
    person, sent again, changes nothing.

    Locks the balance. Raises NotFound, AccountClosing, and as require_decidable.
    """
    found = Credit.objects.filter(pk=credit_id).first()
    if found is None:
        raise NotFound
    state = State.GIVEN if approve else State.REFUSED
    with transaction.atomic():
        balance = lock_balance(user_id=found.user_id)
        credit = Credit.objects.select_related("user").get(pk=credit_id)
        if (credit.state, credit.decided_by_id) == (state, actor.pk):
            return credit
        require_decidable(credit=credit, actor=actor)
        now = database_now()
        credit.state, credit.decided_by, credit.decided_at = state, actor, now
        credit.save(update_fields=["state", "decided_by", "decided_at"])
        if approve:
            require_open(credit.user)
            _pay(credit, balance, now)
        act = "credit.approve" if approve else "credit.refuse"
        activity.record(
            actor=actor, act=act, target=credit.user, new={"amount": credit.amount}, reason=reason
        )
    return credit


def require_decidable(*, credit: Credit, actor: User) -> None:
    """Raises SecondPersonNeeded for who asked for the credit or would get it, CreditDecided."""
    if actor.pk in (credit.asked_by_id, credit.user_id):
        raise SecondPersonNeeded
    if credit.state != State.WAITING:
        raise CreditDecided


def _pay(credit: Credit, balance: Balance, now: dt.datetime) -> None:
    entry = LedgerEntry(
        type=BalanceHistory.Type.CREDIT, amount=credit.amount, source=credit.pk, at=now
    )
    write_lines(entries=[(balance, entry)])
    queue([new_message(kind="credit", user=credit.user, data={"credit": str(credit.pk)})])
