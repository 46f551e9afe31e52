"""The hash over the ledger: equal for the same lines at any time, different for others."""

import csv
import hashlib
import io
import re
from io import StringIO

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import connection

from accounts.models import BalanceHistory
from accounts.services.charges import charge
from concertbook.errors import NotFound, Unavailable
from operations.services import ledger_proof
from operations.services.audit import full_audit
from operations.services.ledger_proof import hash_ledger, settled_line
from tests.concurrency.threads import Gate, background, until
from tests.factories import ScheduleFactory, UserFactory, bought

WRITTEN = "INSERT INTO accounts_balancehistory"


def last_line():
    return BalanceHistory.objects.latest("pk").pk


@pytest.mark.django_db
def test_it_is_the_documented_encoding_of_every_line():
    bought(UserFactory(won=50_000), ScheduleFactory(), 1)
    written = io.StringIO()
    rows = csv.writer(written, lineterminator="\n")
    for line in BalanceHistory.objects.order_by("pk"):
        at = line.created_at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        # In CSV PostgreSQL writes an empty text as "", and NULL as nothing.
        rows.writerow(
            [
                *(line.pk, line.balance_id, line.seq, line.type, line.status, line.amount),
                *(line.balance_after, "EMPTY", line.source, at),
            ]
        )
    expected = written.getvalue().replace("EMPTY", '""').encode()

    found = hash_ledger(as_of=last_line())

    assert found.sha256 == hashlib.sha256(expected).hexdigest()
    assert found.lines == 2


@pytest.mark.django_db
def test_the_statement_in_the_documents_gives_the_same_hash():
    bought(UserFactory(won=50_000), ScheduleFactory(), 1)
    page = (settings.BASE_DIR / "docs/operations.md").read_text()
    (statement,) = re.findall(r'psql "\$DATABASE_URL" -c "(.*?)" \| sha256sum', page, re.DOTALL)
    # As the shell passes it to psql.
    copy = statement.replace('\\"', '"').replace("LINE", str(last_line()))
    digest = hashlib.sha256()

    with connection.cursor() as cursor, cursor.copy(copy) as blocks:
        for block in blocks:
            digest.update(block)

    assert digest.hexdigest() == hash_ledger(as_of=last_line()).sha256


@pytest.mark.django_db
def test_an_empty_ledger_has_the_hash_of_nothing():
    found = hash_ledger(as_of=0)
    assert (found.lines, found.sha256) == (0, hashlib.sha256(b"").hexdigest())


@pytest.mark.django_db
def test_a_changed_line_shows():
    user = UserFactory(won=50_000)
    charge(user=user, amount=1_000)
    before = hash_ledger(as_of=last_line())
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("SET LOCAL session_replication_role = replica")
    BalanceHistory.objects.filter(seq=1).update(reason="x")

    assert hash_ledger(as_of=last_line()).sha256 != before.sha256


@pytest.mark.django_db(transaction=True)
def test_an_earlier_line_gives_the_earlier_hash_again():
    user = UserFactory(won=50_000)
    earlier = full_audit().ledger
    charge(user=user, amount=1_000)

    later = full_audit().ledger

    assert later.sha256 != earlier.sha256
    assert full_audit(as_of=earlier.as_of).ledger == earlier
    out = StringIO()
    call_command("audit", "--as-of", earlier.as_of, stdout=out)
    assert earlier.sha256 in out.getvalue()


@pytest.mark.django_db(transaction=True)
def test_a_line_that_is_not_there_yet_has_no_hash():
    charge(user=UserFactory(), amount=1_000)

    with pytest.raises(NotFound):
        full_audit(as_of=last_line() + 1)
    with pytest.raises(CommandError, match="no line"):
        call_command("audit", "--as-of", last_line() + 1, stdout=StringIO())


@pytest.mark.django_db(transaction=True)
def test_a_line_that_drew_its_number_but_is_not_committed_is_waited_for():
    slow, quick = UserFactory(), UserFactory()
    gate = Gate(after=WRITTEN)
    polls = []

    def settled():
        def count(execute, sql, *args):
            if "pg_locks" in sql:
                polls.append(sql)
            return execute(sql, *args)

        with connection.execute_wrapper(count):
            return settled_line()

    with background(lambda: charge(user=slow, amount=1_000), gate) as writing:
        gate.wait()
        charge(user=quick, amount=2_000)
        too_early = hash_ledger(as_of=last_line())
        with background(settled) as waiting:
            until(lambda: len(polls) > 2)
            assert not waiting.done()
            gate.open()
            as_of = waiting.result()
        assert type(writing.result()) is BalanceHistory

    found = hash_ledger(as_of=as_of)
    assert (found.as_of, found.lines) == (too_early.as_of, 2)
    assert too_early.lines == 1, "without waiting it would have missed the other"
    assert found.sha256 != too_early.sha256


@pytest.mark.django_db(transaction=True)
def test_it_does_not_wait_for_ever(monkeypatch):
    monkeypatch.setattr(ledger_proof, "WAIT_SECONDS", 0)
    gate = Gate(after=WRITTEN)

    with background(lambda: charge(user=UserFactory(), amount=1_000), gate):
        gate.wait()
        with pytest.raises(Unavailable):
            settled_line()


@pytest.mark.django_db(transaction=True)
def test_the_totals_are_of_the_same_sale():
    bought(UserFactory(won=50_000), ScheduleFactory(price=10_000), 1)

    totals = full_audit().totals

    assert (totals.charged, totals.balances, totals.paid) == (50_000, 40_000, 10_000)
    assert (totals.net_sales, totals.difference) == (10_000, 0)
