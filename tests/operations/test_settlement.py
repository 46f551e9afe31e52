"""The settlement agrees with the ledger, by the venue's days, and no title runs as a formula."""

import csv
import datetime as dt
import io
import uuid

import pytest
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone, translation
from openpyxl import load_workbook

from accounts.models import Balance, BalanceHistory, Charge
from accounts.services.credits import give_credit
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule
from operations.services.settlement import Figures, settle_period
from operations.settlement_files import as_file
from payments.errors import InvalidPeriod
from payments.models import Payment, Refund, Ticket
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from tests.factories import ConcertFactory, ScheduleFactory, StaffFactory, UserFactory, bought

pytestmark = pytest.mark.django_db(transaction=True)

SEOUL = timezone.get_default_timezone()
MAY_1 = dt.date(2026, 5, 1)
MAY_2 = dt.date(2026, 5, 2)


def today():
    return timezone.localdate()


def settled(**options):
    return settle_period(**({"first": today(), "last": today()} | options))


def moved(to, *things):
    """Move charges, payments and refunds, and their lines, to this time."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")
        for thing in things:
            name = {Charge: "charged_at", Payment: "paid_at", Refund: "created_at"}[type(thing)]
            type(thing).objects.filter(pk=thing.pk).update(**{name: to})
            BalanceHistory.objects.filter(source=thing.pk).update(created_at=to)


class Sale:
    """Two concerts: three tickets sold for one of them, and one cancelled for a fee."""

    def __init__(self):
        self.schedule = ScheduleFactory(price=10_000, concert__title="가을밤")
        self.other = ScheduleFactory(price=7_000, concert__title="Zebra")
        self.schedule.concert.refund_policy = "0:30"
        self.schedule.concert.refund_policy_reason = "A hall to fill"
        self.schedule.concert.save()
        self.user = UserFactory(won=100_000)
        self.receipt = bought(self.user, self.schedule, 1, 2, 3)
        bought(self.user, self.other, 1)
        ticket = self.receipt.tickets[0]
        long_ago = timezone.now() - dt.timedelta(days=30)
        Ticket.objects.filter(pk=ticket.pk).update(created_at=long_ago)
        self.refund = cancel_ticket(user=self.user, ticket_id=ticket.pk)


def test_each_concert_and_day_has_its_sales_refunds_fees_and_net():
    Sale()
    found = settled()

    by_title = {row.concert.title if row.concert else "": row.figures for row in found.rows}
    assert by_title == {
        "가을밤": Figures(
            tickets_sold=3, sales=30_000, tickets_refunded=1, refunds=7_000, fees=3_000
        ),
        "Zebra": Figures(tickets_sold=1, sales=7_000),
        "": Figures(charges=100_000),
    }
    assert by_title["가을밤"].net == 23_000
    assert found.total.net == 30_000


def test_it_equals_the_ledger_line_by_line():
    Sale()
    found = settled()

    lines = BalanceHistory.objects.all()
    assert found.ledger.sales == sum(lines.filter(type="RESERVATION").values_list("amount", flat=1))
    assert found.ledger.refunds == sum(
        lines.filter(type="CANCELLATION").values_list("amount", flat=1)
    )
    assert (found.ledger.opening, found.ledger.closing) == (0, 70_000)
    names = {"sales", "refunds", "compensations", "credits", "charges", "other", "balances"}
    assert set(found.differences) == names
    assert found.reconciles


def test_one_concert_alone_reconciles_to_the_lines_about_it():
    sale = Sale()
    found = settled(concert_id=sale.other.concert_id)

    assert [row.concert for row in found.rows] == [sale.other.concert]
    assert found.total == Figures(tickets_sold=1, sales=7_000)
    assert (found.ledger.sales, found.ledger.refunds, found.ledger.charges) == (7_000, 0, 0)
    assert found.reconciles
    assert found.ledger.opening is None


def test_a_refund_of_nothing_counts_as_a_ticket_and_reconciles():
    sale = Sale()
    ticket = sale.receipt.tickets[1]
    Ticket.objects.filter(pk=ticket.pk).update(
        created_at=timezone.now() - dt.timedelta(days=30), refund_policy="0:100"
    )
    cancel_ticket(user=sale.user, ticket_id=ticket.pk)

    found = settled()
    assert (found.total.tickets_refunded, found.total.fees) == (2, 13_000)
    assert found.reconciles


def test_compensations_have_their_place_and_do_not_change_the_net_sales():
    sale = Sale()
    causes = ConcertSchedule.CancelCause
    cancel_schedule(schedule_id=sale.other.pk, by=StaffFactory(), cause=causes.ORGANISER)
    refund_cancelled_schedules()

    for found in (settled(), settled(concert_id=sale.other.concert_id)):
        (row,) = [row for row in found.rows if row.concert == sale.other.concert]
        assert (row.figures.refunds, row.figures.compensations, row.figures.net) == (7_000, 700, 0)
        assert found.ledger.compensations == found.total.compensations == 700
        assert found.reconciles
        with translation.override("en"):
            headings, *_rows, total, ledger, difference = read_csv(as_file(found, format="csv"))
        place = headings.index("Compensations")
        assert (total[place], ledger[place], difference[place]) == ("700", "700", "0")
    assert settled().ledger.closing == 77_700


def test_other_lines_have_their_place():
    user = UserFactory(won=1_000)
    with transaction.atomic():
        balance = Balance.objects.get(user=user)
        balance.add_line(type=BalanceHistory.Type.OTHER, amount=-400, source=uuid.uuid4()).save()
        balance.save()

    found = settled()
    assert (found.total.charges, found.total.other) == (1_000, -400)
    assert found.reconciles


def test_goodwill_credits_have_their_place_once_they_are_given():
    member, user = StaffFactory(), UserFactory()
    give_credit(actor=member, user=user, amount=3_000, limit=3_000, reason="x")
    give_credit(actor=member, user=user, amount=9_000, limit=3_000, reason="it waits")

    found = settled()
    assert (found.total.credits, found.ledger.credits, found.ledger.closing) == (3_000,) * 3
    assert found.reconciles
    with translation.override("en"):
        headings, *_rows, total, _ledger, _difference = read_csv(as_file(found, format="csv"))
    assert total[headings.index("Goodwill credits")] == "3000"


def test_failed_charges_and_payments_are_no_money():
    user = UserFactory(won=1_000)
    Charge.objects.create(user=user, amount=5_000)

    assert settled().total.charges == 1_000


@pytest.mark.parametrize(
    ("utc", "day"),
    [
        ("2026-04-30T14:59:59.999999", None),
        ("2026-04-30T15:00:00", MAY_1),
        ("2026-05-01T14:59:59.999999", MAY_1),
        ("2026-05-01T15:00:00", MAY_2),
        ("2026-05-02T14:59:59.999999", MAY_2),
        ("2026-05-02T15:00:00", None),
    ],
)
def test_a_day_is_one_of_seoul(utc, day):
    sale = Sale()
    at = dt.datetime.fromisoformat(utc).replace(tzinfo=dt.UTC)
    moved(at, *Charge.objects.all(), *Payment.objects.all(), sale.refund)

    found = settle_period(first=MAY_1, last=MAY_2)

    assert {row.day for row in found.rows} == ({day} if day else set())
    assert found.reconciles
    assert found.total.sales == (37_000 if day else 0)
    # In any active time zone, for example UTC in the API.
    with timezone.override(dt.UTC):
        assert {row.day for row in settle_period(first=MAY_1, last=MAY_2).rows} == (
            {day} if day else set()
        )


def test_a_ledger_line_has_the_time_of_its_source():
    sale = Sale()
    for thing, moment in (
        (sale.receipt.payments[0], sale.receipt.payments[0].paid_at),
        (sale.refund, sale.refund.created_at),
        (Charge.objects.get(), Charge.objects.get().charged_at),
    ):
        assert BalanceHistory.objects.get(source=thing.pk).created_at == moment


def test_opening_and_closing_balances_are_those_of_the_midnights():
    sale = Sale()
    before = dt.datetime(2026, 4, 1, 12, tzinfo=SEOUL)
    moved(before, *Charge.objects.all())
    moved(dt.datetime(2026, 5, 1, 12, tzinfo=SEOUL), *Payment.objects.all(), sale.refund)

    found = settle_period(first=MAY_1, last=MAY_1)

    assert (found.ledger.opening, found.ledger.closing) == (100_000, 70_000)
    assert found.reconciles


def break_the_books():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE payments_payment SET amount = amount + 1 WHERE amount = 7000")


def test_a_difference_is_shown_and_the_command_fails(tmp_path):
    Sale()
    break_the_books()
    found = settled()
    assert not found.reconciles
    assert (found.differences["sales"], found.differences["balances"]) == (1, -1)

    file = tmp_path / "out.csv"
    with pytest.raises(CommandError, match="does not reconcile"):
        run(file)
    assert "-1" in read_csv(file.read_bytes())[-1]


@pytest.mark.parametrize(
    ("first", "last"), [(MAY_2, MAY_1), (MAY_1, MAY_1.replace(year=2028)), (MAY_1, dt.date.max)]
)
def test_an_invalid_or_too_long_period_is_refused(first, last):
    with pytest.raises(InvalidPeriod):
        settle_period(first=first, last=last)


def test_an_unknown_concert_is_refused():
    with pytest.raises(NotFound):
        settled(concert_id=uuid.uuid4())


# --- The files --------------------------------------------------------------------------------

HOSTILE = [
    '=HYPERLINK("http://evil","x")',
    "+1",
    "-2+3",
    "@SUM(A1)",
    "\t=1",
    "\r=1",
    "＝1+1",
    "a\x0bb",
    'quote " and, comma',
]


def read_csv(content):
    text = content.decode("utf-8-sig")
    return list(csv.reader(io.StringIO(text, newline="")))


def read_xlsx(content):
    sheet = load_workbook(io.BytesIO(content)).active
    assert not [cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"]
    return [list(row) for row in sheet.iter_rows(values_only=True)]


@pytest.mark.parametrize("title", HOSTILE)
def test_no_title_runs_as_a_formula(title):
    schedule = ScheduleFactory(concert=ConcertFactory(title=title), price=10_000)
    bought(UserFactory(won=10_000), schedule, 1)
    found = settled()

    for rows in (
        read_csv(as_file(found, format="csv")),
        read_xlsx(as_file(found, format="xlsx")),
    ):
        (row,) = [row for row in rows if str(schedule.concert_id) in row]
        cleaned = title.replace("\x0b", "")
        assert row[1].removeprefix("'").replace("\n", "\r") == cleaned.replace("\n", "\r")
        assert row[1][0] not in "=+-@\t\r＝"


def test_both_files_have_the_same_table_with_numbers_as_numbers():
    Sale()
    with translation.override("en"):
        found = settled()
        from_csv = read_csv(as_file(found, format="csv"))
        from_xlsx = read_xlsx(as_file(found, format="xlsx"))

    assert from_csv[0] == from_xlsx[0]
    assert from_csv[0][:2] == ["Date", "Concert"]

    def plain(cell):
        if isinstance(cell, dt.datetime):
            return cell.date().isoformat()
        return "" if cell is None else str(cell)

    assert [[plain(cell) for cell in row] for row in from_xlsx] == from_csv
    total, ledger, difference = from_xlsx[-3:]
    assert (total[4], ledger[4], difference[4]) == (37_000, 37_000, 0)
    assert difference[1] == "Reconciles to the won"
    assert from_xlsx[1][-1] == 0
    assert from_xlsx[-4][-1] == 70_000


def test_an_empty_period_is_a_file_too():
    found = settle_period(first=MAY_1, last=MAY_1)
    assert len(read_csv(as_file(found, format="csv"))) == 1 + 2 + 3
    assert len(read_xlsx(as_file(found, format="xlsx"))) == 1 + 2 + 3


# --- The command ------------------------------------------------------------------------------


def run(file, *options):
    day = today().isoformat()
    call_command("settlement", "--from", day, "--to", day, "--output", file, *options)
    return file.read_bytes()


def test_the_command_writes_either_file(tmp_path):
    sale = Sale()
    whole = read_csv(run(tmp_path / "a.csv"))
    one = read_xlsx(
        run(tmp_path / "b.xlsx", "--format", "xlsx", "--concert", str(sale.other.concert_id))
    )
    assert len(whole) == 1 + 1 + 3 + 1 + 3
    assert len(one) == 1 + 1 + 3


def test_the_command_writes_to_standard_output(capsysbinary):
    Sale()
    day = today().isoformat()
    call_command("settlement", "--from", day, "--to", day, "--format", "xlsx")
    assert len(read_xlsx(capsysbinary.readouterr().out)) == 9


def test_the_command_refuses_a_wrong_period_in_words():
    with pytest.raises(CommandError):
        call_command("settlement", "--from", "2026-05-02", "--to", "2026-05-01")


# --- The admin --------------------------------------------------------------------------------

ADDRESS = "admin:payments_payment_settlement"


def period(**options):
    day = today().isoformat()
    return {"first": day, "last": day, **options}


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def test_the_operator_looks_and_takes_the_file_along(operator):
    Sale()
    english = {"Accept-Language": "en"}
    assert operator.get(reverse(ADDRESS), headers=english).status_code == 200

    page = operator.get(reverse(ADDRESS), period(), headers=english).content.decode()
    assert "Reconciles to the ledger, to the won." in page
    assert "37,000" in page
    as_csv = operator.get(reverse(ADDRESS), period(format="csv"), headers=english)
    as_xlsx = operator.get(reverse(ADDRESS), period(format="xlsx"), headers=english)

    assert len(read_csv(as_csv.content)) == len(read_xlsx(as_xlsx.content)) == 9
    assert "attachment" in as_csv["Content-Disposition"]
    assert as_xlsx["Content-Disposition"].endswith('.xlsx"')


def test_a_difference_is_told_to_the_operator(operator):
    Sale()
    break_the_books()
    page = operator.get(reverse(ADDRESS), period(), headers={"Accept-Language": "en"})
    assert "does NOT reconcile" in page.content.decode()


@pytest.mark.parametrize(
    "wrong",
    [
        {"first": "x"},
        {"first": ""},
        {"last": "2020-01-01"},
        {"first": "1990-01-01"},
        {"concert": "x"},
        {"concert": "00000000-0000-0000-0000-000000000000"},
        {"last": "9999-12-31"},
        {"first": "9999-12-31", "last": "9999-12-31"},
        {"first": "0001-01-01", "last": "0001-01-01"},
    ],
    ids=str,
)
def test_a_wrong_question_is_answered_with_the_form(operator, wrong):
    response = operator.get(reverse(ADDRESS), period(format="csv") | wrong)
    assert response.status_code == 200
    assert response.context["form"].errors


def test_one_concert_can_be_chosen(operator):
    sale = Sale()
    response = operator.get(reverse(ADDRESS), period(concert=str(sale.other.concert_id)))
    assert response.context["settlement"].total.sales == 7_000


@pytest.mark.parametrize("left_out", ["payment", "refund", "charge", "balancehistory"])
def test_an_operator_without_all_view_permissions_may_not_settle(client, left_out):
    staff = StaffFactory()
    names = {"payment", "refund", "charge", "balancehistory"} - {left_out}
    staff.user_permissions.set(
        Permission.objects.filter(codename__in=[f"view_{name}" for name in names])
    )
    client.force_login(staff)

    assert client.get(reverse(ADDRESS), period()).status_code == 403
    assert client.get(reverse(ADDRESS), period(format="csv")).status_code == 403
    assert reverse(ADDRESS) not in client.get(reverse("admin:index")).content.decode()


def test_an_operator_with_all_view_permissions_may_settle_and_takes_no_file_away(client):
    staff = StaffFactory()
    names = ["view_payment", "view_refund", "view_charge", "view_balancehistory"]
    staff.user_permissions.set(Permission.objects.filter(codename__in=names))
    client.force_login(staff)

    page = client.get(reverse(ADDRESS), period())
    assert page.status_code == 200
    assert 'value="csv"' not in page.content.decode()
    assert client.get(reverse(ADDRESS), period(format="csv")).status_code == 403
    assert reverse(ADDRESS) in client.get(reverse("admin:index")).content.decode()
