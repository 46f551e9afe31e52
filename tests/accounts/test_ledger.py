"""The ledger is append-only for every connection."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import BalanceHistory
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


ATTACKS = {
    "change": lambda line: BalanceHistory.objects.filter(pk=line.pk).update(reason="nothing"),
    "delete": lambda line: line.delete(),
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_line_of_the_ledger_can_be_neither_changed_nor_deleted(attack):
    line = BalanceHistory.objects.get(balance__user=UserFactory(won=10_000))

    with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
        ATTACKS[attack](line)

    assert BalanceHistory.objects.get(pk=line.pk).reason == ""
