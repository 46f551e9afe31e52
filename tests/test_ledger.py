"""The ledger is append-only, for everybody who has a connection."""

import pytest
from django.db import IntegrityError, transaction

from accounts.models import BalanceHistory
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("attack", ["change", "delete"])
def test_a_line_of_the_ledger_can_be_neither_changed_nor_deleted(attack):
    line = BalanceHistory.objects.get(balance__user=UserFactory(won=10_000))

    with pytest.raises(IntegrityError, match="never changed or deleted"), transaction.atomic():
        if attack == "change":
            BalanceHistory.objects.filter(pk=line.pk).update(reason="nothing happened")
        else:
            line.delete()

    assert BalanceHistory.objects.get(pk=line.pk).reason == ""
