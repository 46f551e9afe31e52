"""The application runs with the role in docs/operations.md, which only reads and writes rows."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import ProgrammingError, connection

from accounts.models import BalanceHistory
from operations.services.audit import full_audit
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from queueing.models import WaitingRoom
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, held
from tests.operations.test_rehearsal import assert_ended, rehearse

pytestmark = pytest.mark.django_db(transaction=True)

LEDGER = "accounts_balancehistory"


def documented(role):
    """The statements that docs/operations.md names, for a role of this name."""
    page = (Path(settings.BASE_DIR) / "docs/operations.md").read_text()
    (block,) = re.findall(r"```sql\n(CREATE ROLE .*?)```", page, re.DOTALL)
    return block.replace("concertbook_app", role)


def run(*statements):
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


@pytest.fixture
def application_role(transactional_db):
    """All new connections use this role, also those of a server's threads."""
    role, owner = f"app_of_{connection.settings_dict['NAME']}", connection.settings_dict["USER"]
    run(*filter(str.strip, documented(role).split(";")))
    connection.close()
    connection.settings_dict["USER"] = role
    try:
        yield role
    finally:
        connection.close()
        connection.settings_dict["USER"] = owner
        run(f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def test_a_sale_and_its_cancellation_need_no_more_than_to_write_rows(application_role):
    schedule = ScheduleFactory(price=10_000)
    first, second = UserFactory(won=50_000), UserFactory(won=50_000)
    receipt = bought(first, schedule, 1, 2)
    cancel_ticket(user=first, ticket_id=receipt.tickets[0].pk)
    bought(second, schedule, 3)
    held(second, schedule, 4)
    cancel_schedule(schedule_id=schedule.pk, by=first, reason="rain")
    refund_cancelled_schedules()

    assert balance_of(second) == 50_000
    audit = full_audit()
    assert [each for each in audit.findings if each.violations] == []
    assert audit.ledger.lines == BalanceHistory.objects.count()


def test_a_rehearsal_needs_no_more_than_to_write_rows(live_server, application_role):
    printed = rehearse(live_server, "--buyers=6", "--seats=2")

    assert "went well" in printed
    assert_ended(WaitingRoom.objects.get().slug)


def test_a_waiting_room_is_made_and_deleted_with_its_positions(application_role):
    room = WaitingRoom.objects.create(title="x", slug="x", state=WaitingRoom.State.OPEN)
    position = f"queueing_position_{room.pk}"
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval(%s::regclass)", [position])
        room.delete()
        cursor.execute("SELECT to_regclass(%s)", [position])
        assert cursor.fetchone() == (None,)


@pytest.mark.parametrize(
    "statement",
    [
        f"ALTER TABLE {LEDGER} DISABLE TRIGGER accounts_ledger_is_append_only",
        f"DROP TRIGGER accounts_ledger_is_append_only ON {LEDGER}",
        f"TRUNCATE {LEDGER}",
        f"DELETE FROM {LEDGER}",
        f"UPDATE {LEDGER} SET amount = amount + 1",
        "SET session_replication_role = replica",
        "CREATE TABLE public.x (id int)",
        "CREATE FUNCTION public.accounts_ledger_is_append_only2() RETURNS trigger"
        " LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
    ],
)
def test_the_application_cannot_lift_the_ledgers_guard(application_role, statement):
    bought(UserFactory(won=10_000), ScheduleFactory(price=10_000))

    with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
        run(statement)


def test_nothing_in_the_product_asks_for_more():
    """Only migrations need the owner."""
    asks = re.compile(
        r"\b(ALTER|DROP|CREATE|TRUNCATE|LOCK|REINDEX|CLUSTER)\s+"
        r"(TABLE|TRIGGER|SEQUENCE|INDEX|FUNCTION|UNIQUE|TEMP|ONLY|accounts_|payments_|queueing_)"
        r"|session_replication_role|(DISABLE|ENABLE) TRIGGER|\bTRUNCATE\b"
    )
    root = Path(settings.BASE_DIR)
    found = [
        f"{path.relative_to(root)}: {match[0]}"
        for app in ("accounts", "concertbook", "concerts", "operations", "payments", "queueing")
        for path in sorted((root / app).rglob("*.py"))
        if "migrations" not in path.relative_to(root).parts and path.stem != "constraints"
        for match in asks.finditer(path.read_text())
    ]
    assert found == []
