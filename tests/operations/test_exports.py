"""Exports of the admin's lists: queued by a form, written in slices, downloaded by their
operator."""

import csv
import datetime as dt
import io
import re
import threading

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import BalanceHistory, Charge, User
from operations.models import Export, ExportChunk
from operations.services import exports
from operations.services.exports import delete_old_exports, write_slice
from payments.models import Payment, Refund
from payments.services.ticket_cancellation import cancel_ticket
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought

pytestmark = pytest.mark.django_db

LIST = reverse("admin:accounts_charge_export")
FORM = reverse("admin:operations_export_add")
BATCH = 10


@pytest.fixture
def staff(client):
    """A logged-in operator who may view charges, and export what they view."""
    operator = StaffFactory()
    permit(operator)
    client.force_login(operator)
    return operator


@pytest.fixture
def _small_batches(monkeypatch):
    monkeypatch.setattr(exports, "ROWS_IN_A_BATCH", BATCH)


def permit(operator, view="view_charge"):
    names = [view, "export_records"]
    operator.user_permissions.set(Permission.objects.filter(codename__in=names))


def charged(count):
    user = UserFactory()
    return Charge.objects.bulk_create(
        Charge(user=user, amount=number) for number in range(1, count + 1)
    )


def form_of(client, query=""):
    """The form as a browser sends it, with its hidden key."""
    form = client.get(LIST + query, follow=True).context["form"]
    values = {name: form[name].value() for name in form.fields}
    boxes = {name: "on" for name, value in values.items() if value is True}
    return {**boxes, "_once": values["_once"], "format": "0", "resource": "0"}


def form_page(client, query=""):
    """The page that the list's button leads to."""
    return client.get(LIST + query)["Location"]


def ask(client, query=""):
    response = client.post(form_page(client, query), form_of(client, query))
    assert response.status_code == 302
    return Export.objects.latest("pk")


def page_of(export):
    return reverse("admin:operations_export_change", args=[export.pk])


def file_of(export):
    return reverse("admin:operations_export_download", args=[export.pk])


def amounts(client, export):
    """The exported amounts, in the order of the file."""
    text = client.get(file_of(export)).getvalue().decode("utf-8-sig")
    return [int(row["amount"]) for row in csv.DictReader(io.StringIO(text, newline=""))]


def finish():
    while Export.objects.filter(state__in=["QUEUED", "RUNNING"]).exists():
        write_slice(seconds=0)


@pytest.mark.usefixtures("_small_batches")
@pytest.mark.parametrize("count", [0, 1, BATCH - 1, BATCH, BATCH + 1, 3 * BATCH])
def test_an_export_has_every_row_once_newest_first(client, staff, count):
    charged(count)
    export = ask(client)
    finish()
    export.refresh_from_db()
    assert (export.state, export.rows_done, export.rows_total) == ("DONE", count, count)
    of_one_moment = list(Charge.objects.order_by("-created_at", "-pk"))
    assert amounts(client, export) == [charge.amount for charge in of_one_moment]


@pytest.mark.usefixtures("_small_batches")
def test_an_export_of_the_ledger_is_in_the_order_of_its_lines(client):
    client.force_login(StaffFactory(is_superuser=True))
    for _buyer in range(BATCH + 2):
        UserFactory(won=1_000)
    export = Export.objects.create(
        user=StaffFactory(is_superuser=True), model="accounts.BalanceHistory", columns=["id"]
    )
    finish()
    lines = client.get(file_of(export)).getvalue().decode("utf-8-sig").split()
    newest_first = BalanceHistory.objects.order_by("-pk").values_list("pk", flat=True)
    assert lines == ["id", *map(str, newest_first)]


def test_the_file_begins_with_the_byte_order_mark_for_excel(client, staff):
    charged(1)
    export = ask(client)
    write_slice()
    response = client.get(file_of(export))
    data = response.getvalue()
    assert data.startswith(b"\xef\xbb\xbfid,created_at,user__email,amount")
    assert int(response["Content-Length"]) == len(data)
    assert "no-store" in response["Cache-Control"]
    assert response["Content-Disposition"].startswith('attachment; filename="Charge-')


def test_an_export_has_the_chosen_columns_alone(client, staff):
    charged(1)
    form = form_of(client)
    del form["chargeresource_user__email"], form["chargeresource_id"]
    client.post(form_page(client), form)
    write_slice()
    export = Export.objects.get()
    header = client.get(file_of(export)).getvalue().decode("utf-8-sig").splitlines()[0]
    assert header == "created_at,amount,status,reason,charged_at"


def test_an_export_keeps_the_filter_of_the_list(client, staff):
    UserFactory(won=5)
    charged(2)
    export = ask(client, "?status__exact=SUCCESS")
    write_slice()
    assert amounts(client, export) == [5]


def test_an_export_leaves_rehearsals_out_as_the_list_does(client, staff):
    charged(1)
    Charge.objects.create(user=UserFactory(rehearsal="rehearsal-1"), amount=77)
    real, only = ask(client), ask(client, "?rehearsals=only")
    finish()
    assert amounts(client, real) == [1]
    assert amounts(client, only) == [77]


@pytest.mark.parametrize("query", ["?nonsense=1", "?created_at__gte=soon"])
def test_a_filter_that_does_not_exist_leads_back_to_the_list(client, staff, query):
    response = client.post(form_page(client, query), form_of(client))
    assert response["Location"] == reverse("admin:accounts_charge_changelist")
    assert not Export.objects.exists()


@pytest.mark.usefixtures("_small_batches")
def test_rows_made_during_an_export_are_not_in_it(client, staff):
    charged(2 * BATCH)
    export = ask(client)
    write_slice(seconds=0)
    Charge.objects.create(user=UserFactory(), amount=999)
    finish()
    assert sorted(amounts(client, export)) == list(range(1, 2 * BATCH + 1))


def test_an_export_form_sent_twice_makes_one_export(client, staff):
    form = form_of(client)
    first, second = client.post(form_page(client), form), client.post(form_page(client), form)
    assert first["Location"] == second["Location"] == page_of(Export.objects.get())


def test_an_export_form_with_a_forged_key_makes_no_export(client, staff):
    response = client.post(form_page(client), {**form_of(client), "_once": "forged"})
    assert response.status_code == 200
    assert not Export.objects.exists()
    assert response.context["form"]["_once"].value() != "forged"


@pytest.mark.usefixtures("_small_batches")
def test_a_slice_that_is_killed_leaves_no_trace_and_is_written_again(client, staff, monkeypatch):
    charged(3 * BATCH)
    export = ask(client)
    write_slice(seconds=0)
    before = Export.objects.values().get(), list(ExportChunk.objects.values())

    class Killed(BaseException):
        pass

    def kill(self, row):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(exports._Slice, "_remember", kill)
        with pytest.raises(Killed):
            write_slice()
    assert (Export.objects.values().get(), list(ExportChunk.objects.values())) == before

    finish()
    assert sorted(amounts(client, export)) == list(range(1, 3 * BATCH + 1))


def test_an_export_that_keeps_failing_says_so_and_lets_the_next_one_go_on(client, staff):
    charged(1)
    broken = ask(client)
    Export.objects.update(query="status__exact=x&nonsense__exact=1")
    whole = ask(client)
    for _tick in range(exports.MOST_FAILURES + 1):
        write_slice()
    broken.refresh_from_db()
    assert (broken.state, broken.error) == ("FAILED", "BROKEN")
    assert amounts(client, whole) == [1]
    assert client.get(file_of(broken)).status_code == 404


@pytest.mark.usefixtures("_small_batches")
def test_a_slice_without_time_left_takes_one_batch(client, staff):
    charged(3 * BATCH)
    ask(client)
    for done in (BATCH, 2 * BATCH):
        write_slice(seconds=0)
        assert Export.objects.get().rows_done == done
    assert write_slice() == BATCH


@pytest.mark.parametrize("model", [BalanceHistory, Charge, Payment, Refund])
def test_a_slice_takes_no_query_for_a_row(model):
    queries = []
    for _more in range(2):
        buyer = UserFactory(won=50_000)
        receipt = bought(buyer, ScheduleFactory(), 1, 2)
        for ticket in receipt.tickets:
            cancel_ticket(user=buyer, ticket_id=ticket.pk)
        export = Export.objects.create(
            user=StaffFactory(is_superuser=True),
            model=model._meta.label,
            columns=admin.site.get_model_admin(model).resource_classes[0].Meta.fields,
        )
        with CaptureQueriesContext(connection) as captured:
            write_slice()
        export.refresh_from_db()
        assert export.rows_done == model.objects.count()
        queries.append(len(captured))
    assert queries[0] == queries[1]


def test_a_large_batch_is_cut_into_chunks_of_bounded_size(client, staff, monkeypatch):
    monkeypatch.setattr(ExportChunk, "LONGEST", 100)
    charged(20)
    export = ask(client)
    write_slice()
    sizes = [len(data) for data in ExportChunk.objects.values_list("data", flat=True)]
    assert max(sizes) == 100
    assert sum(sizes) == Export.objects.get().size
    assert len(amounts(client, export)) == 20


def test_a_download_reads_one_chunk_at_a_time(client, staff, monkeypatch):
    monkeypatch.setattr(ExportChunk, "LONGEST", 100)
    charged(5)
    export = ask(client)
    write_slice()
    export.refresh_from_db()
    response = client.get(file_of(export))
    assert response.streaming
    with CaptureQueriesContext(connection) as queries:
        assert len(list(response.streaming_content)) == export.chunk_count > 3
    assert len(queries) == export.chunk_count


def test_an_operator_who_may_view_but_not_export_queues_no_export(client):
    staff = StaffFactory()
    staff.user_permissions.add(Permission.objects.get(codename="view_charge"))
    client.force_login(staff)
    listed = client.get(reverse("admin:accounts_charge_changelist")).content.decode()
    assert LIST not in listed
    assert (
        client.post(f"{FORM}?list=accounts.Charge", {"format": "0", "resource": "0"}).status_code
        == 403
    )
    assert client.get(reverse("admin:operations_export_changelist")).status_code == 403
    assert not Export.objects.exists()


def test_another_operator_does_not_find_an_export(client, staff):
    charged(1)
    export = ask(client)
    write_slice()
    other = StaffFactory()
    permit(other)
    client.force_login(other)
    assert client.get(page_of(export)).status_code == 404
    assert client.get(file_of(export)).status_code == 404
    listed = client.get(reverse("admin:operations_export_changelist"))
    assert listed.status_code == 200
    assert listed.context["cl"].result_count == 0


def test_an_operator_who_may_export_payments_only_sees_the_page_of_exports(client, staff):
    permit(staff, "view_payment")
    pages = client.get(reverse("admin:app_list", args=["operations"]))
    assert pages.status_code == 200
    (app,) = pages.context["app_list"]
    assert [model["object_name"] for model in app["models"]] == ["Export"]


def test_a_superuser_downloads_the_exports_of_others(client, staff):
    charged(1)
    export = ask(client)
    write_slice()
    client.force_login(StaffFactory(is_superuser=True))
    assert client.get(page_of(export)).status_code == 200
    assert amounts(client, export) == [1]


def test_the_progress_page_takes_no_form(client, staff):
    charged(1)
    export = ask(client)
    assert client.post(page_of(export)).status_code == 403


def test_an_operator_who_lost_view_permission_gets_no_file(client, staff):
    charged(1)
    export = ask(client)
    write_slice()
    permit(staff, "view_payment")
    assert client.get(page_of(export)).status_code == 404
    assert client.get(file_of(export)).status_code == 404
    assert client.get(reverse("admin:operations_export_changelist")).status_code == 200


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}])
def test_the_export_of_a_former_operator_is_not_written(client, staff, change):
    charged(1)
    export = ask(client)
    User.objects.filter(pk=staff.pk).update(**change)
    write_slice()
    export.refresh_from_db()
    assert (export.state, export.error) == ("FAILED", "NOT_PERMITTED")
    assert not ExportChunk.objects.exists()
    assert client.get(file_of(export)).status_code == 302


@pytest.mark.usefixtures("_small_batches")
def test_an_export_stops_when_its_operator_loses_the_permission(client, staff):
    charged(2 * BATCH)
    export = ask(client)
    write_slice(seconds=0)
    staff.user_permissions.clear()
    finish()
    export.refresh_from_db()
    assert (export.error, export.rows_done) == ("NOT_PERMITTED", BATCH)


@pytest.mark.parametrize(
    ("language", "writing", "ready"),
    [("ko", "파일을 만들고 있습니다", "다운로드"), ("en", "The file is being written", "Download")],
)
@pytest.mark.usefixtures("_small_batches")
def test_the_progress_page_counts_and_then_offers_the_file(client, staff, language, writing, ready):
    charged(2 * BATCH)
    export = ask(client)
    write_slice(seconds=0)
    page = client.get(page_of(export), headers={"accept-language": language}).content.decode()
    assert writing in page
    assert '<meta http-equiv="refresh" content="2">' in page
    assert re.search(r'<progress[^>]* max="20" value="10"', page)
    assert file_of(export) not in page
    assert client.get(file_of(export)).status_code == 404

    finish()
    page = client.get(page_of(export), headers={"accept-language": language}).content.decode()
    assert ready in page
    assert file_of(export) in page
    assert "http-equiv" not in page


def test_an_export_is_deleted_after_a_day(client, staff):
    charged(1)
    old, new = ask(client), ask(client)
    finish()
    day = dt.timedelta(hours=24, minutes=1)
    Export.objects.filter(pk=old.pk).update(created_at=old.created_at - day)
    assert delete_old_exports() == 1
    assert client.get(file_of(old)).status_code == 404
    assert amounts(client, new) == [1]
    assert set(ExportChunk.objects.values_list("export", flat=True)) == {new.pk}


def test_an_export_of_payments_names_seat_and_buyer(client):
    client.force_login(StaffFactory(is_superuser=True))
    bought(UserFactory(won=50_000, name="=1+1"), ScheduleFactory(), 1)
    export = Export.objects.create(
        user=StaffFactory(is_superuser=True),
        model=Payment._meta.label,
        columns=["user__name", "reservation__seat__label"],
    )
    write_slice()
    lines = client.get(file_of(export)).getvalue().decode("utf-8-sig").splitlines()
    assert lines == ["user__name,reservation__seat__label", "'=1+1,A-1"]


@pytest.mark.django_db(transaction=True)
def test_two_workers_write_two_exports_side_by_side():
    """While one worker has an export locked, the other takes the next, and then finds none."""
    operator = StaffFactory(is_superuser=True)
    for _one in range(2):
        Export.objects.create(user=operator, model="accounts.Charge", columns=["id"])
    first, second = Export.objects.order_by("pk")

    def work():
        try:
            write_slice()
            write_slice()
        finally:
            connection.close()

    with transaction.atomic():
        Export.objects.select_for_update().get(pk=first.pk)
        worker = threading.Thread(target=work)
        worker.start()
        worker.join(10)
        second.refresh_from_db()
        first.refresh_from_db()
    assert (first.state, second.state) == ("QUEUED", "DONE")
