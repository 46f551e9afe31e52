"""Money that came back to an account after its end: the refund of a show that was cancelled late.

1. The refund goes to the balance that paid, as every refund.
2. A sweep (tell_owed_money) writes to the address that is kept apart (KeptIdentity) and asks for a
   bank account. It keeps the identity for as long as the law asks from then on, and
   forget_kept_identities does not delete it while money is owed.
3. The staff finds the money in the admin's identities of deleted accounts or by
   ``manage.py payout``, pays it, and records that (services/payouts.py).
"""

from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, F, OuterRef, QuerySet, Subquery

from accounts.models import Balance, KeptIdentity
from accounts.services.account_deletion import KEPT
from accounts.services.outbox import new_message, queue
from concertbook.db.clock import database_now

MOST_IN_A_ROUND = 100


def with_owed(identities: QuerySet[KeptIdentity]) -> QuerySet[Any]:
    """Each with ``owed``, the account's balance in won, None without one."""
    balance = Balance.objects.filter(user=OuterRef("user")).values("amount")
    return identities.annotate(owed=Subquery(balance, output_field=BigIntegerField()))


def list_owed() -> list[Any]:
    """The identities of deleted accounts with money, as of with_owed, the oldest first."""
    owed = with_owed(KeptIdentity.objects.all()).filter(owed__gt=0)
    return list(owed.select_related("user").order_by("deleted_at", "pk"))


def tell_owed_money() -> int:
    """Write to the former users whose deleted accounts have got money; returns how many.

    Once for each line of the ledger that brought some. Two sweeps at once write one mail.
    """
    with transaction.atomic(durable=True):
        untold = KeptIdentity.objects.filter(
            user__balance__amount__gt=0, user__balance__last_seq__gt=F("told_seq")
        )
        locked = untold.select_for_update(of=("self",), skip_locked=True)
        identities = list(locked.select_related("user__balance").order_by("pk")[:MOST_IN_A_ROUND])
        now = database_now()
        for identity in identities:
            balance = identity.user.balance
            identity.told_seq = balance.last_seq
            identity.kept_until = max(identity.kept_until, now + KEPT)
            identity.save(update_fields=["told_seq", "kept_until"])
            if identity.email:
                data = {"won": balance.amount, "kept_until": identity.kept_until.isoformat()}
                queue([new_message(kind="money_owed", email=identity.email, data=data)])
    return len(identities)
