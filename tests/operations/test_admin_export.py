"""Exports of records: no cell runs as a formula; who exports may view and may export."""

import csv
import io

import pytest
from django.contrib.auth.models import Permission
from django.urls import reverse

from accounts.models import BalanceHistory, Charge
from concertbook.http.spreadsheets import quoted
from operations.services.exports import write_slice
from payments.models import Payment, Refund
from payments.services.ticket_cancellation import cancel_ticket
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client):
    client.force_login(StaffFactory(is_superuser=True))
    return client


def address(model):
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_export")


def export(client, model, query=""):
    where = client.get(address(model) + query)["Location"]
    form = client.get(where).context["form"]
    boxes = {name: "on" for name, field in form.fields.items() if not field.widget.is_hidden}
    progress = client.post(where, {**boxes, "format": "0", "resource": "0"})["Location"]
    write_slice()
    response = client.get(progress.replace("/change/", "/download/"))
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    text = response.getvalue().decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_payments_leave_with_buyer_seat_and_amount(operator):
    user = UserFactory(won=50_000, name="홍길동")
    bought(user, ScheduleFactory(), 1, 2)
    rows = export(operator, Payment)
    assert [row["user__name"] for row in rows] == ["홍길동", "홍길동"]
    assert {row["amount"] for row in rows} == {"10000"}
    assert {row["status"] for row in rows} == {"SUCCESS"}


def test_the_export_contains_the_searched_rows(operator):
    schedule = ScheduleFactory()
    for number in (1, 2):
        bought(UserFactory(won=50_000, email=f"b{number}@example.com"), schedule, number)
    assert [row["user__email"] for row in export(operator, Payment, "?q=b2@")] == ["b2@example.com"]


@pytest.mark.parametrize("model", [BalanceHistory, Charge, Payment, Refund])
def test_nothing_that_was_typed_runs_as_a_formula(operator, model):
    user = UserFactory(won=50_000, name="=1+1", email="+attack@example.com")
    receipt = bought(user, ScheduleFactory(concert__title="@SUM(A1:A9)"), 1)
    cancel_ticket(user=user, ticket_id=receipt.tickets[0].pk)
    rows = export(operator, model)
    assert rows
    for row in rows:
        for cell in row.values():
            assert cell == quoted(cell)
    assert any("'+attack@example.com" in row.values() for row in rows)


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\n", "＝", "＠"])
def test_a_cell_that_begins_like_a_formula_is_quoted(start):
    assert quoted(f"{start}cmd") == f"'{start}cmd"


def test_words_and_numbers_are_unchanged():
    for cell in ("", "홍길동", "a=b", "10000", "-10000"):
        assert quoted(cell) == cell
    assert quoted("-1+1") == "'-1+1"


def test_the_ledger_leaves_with_its_signs(operator):
    bought(UserFactory(won=50_000), ScheduleFactory(), 1)
    assert [row["delta"] for row in export(operator, BalanceHistory)] == ["-10000", "50000"]


@pytest.mark.parametrize("lacks", ["view", "export"])
@pytest.mark.parametrize("model", [BalanceHistory, Charge, Payment, Refund])
def test_an_operator_without_both_permissions_may_not_export(client, model, lacks):
    staff = StaffFactory()
    has = "export_records" if lacks == "view" else f"view_{model._meta.model_name}"
    staff.user_permissions.add(Permission.objects.get(codename=has))
    client.force_login(staff)
    assert client.get(address(model)).status_code == 403
    form = reverse("admin:operations_export_add", query={"list": model._meta.label})
    assert client.get(form).status_code == 403
    assert client.post(form, {"format": "0", "resource": "0"}).status_code == 403


@pytest.mark.parametrize("label", ["", "nothing", "no.Such", "concerts.Seat"])
def test_a_list_that_cannot_be_exported_is_refused(operator, label):
    form = reverse("admin:operations_export_add", query={"list": label})
    assert operator.get(form).status_code == 403


def test_nothing_can_be_imported(operator):
    lists = reverse("admin:payments_payment_changelist")
    assert operator.get(f"{lists}import/").status_code in (302, 404)
