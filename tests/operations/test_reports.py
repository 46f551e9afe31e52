"""The reports: what each counts, whose concerts it shows to whom, and its file."""

import csv
import datetime as dt
import io
from dataclasses import replace

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone
from openpyxl import load_workbook

from accounts.models import Activity
from concerts.services.seat_blocks import block_seats
from operations.console import reports as pages
from operations.models import Export
from operations.services import exports
from operations.services.exports import write_slice
from operations.services.periods import period_of
from operations.services.reports import REPORTS, Scope, as_table, read_rows
from payments.services.free_tickets import give_tickets
from payments.services.ticket_cancellation import cancel_ticket
from queueing.services import join_and_leave
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
    held,
    scanned,
    staff,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def sale():
    """Two tickets of my show, of which one is refunded and one was used, and one of the other; a
    rehearsal's, which no report has."""
    return Sale()


class Sale:
    def __init__(self):
        self.mine = ScheduleFactory(doors_open=True, concert__title="=가을밤")
        self.other = ScheduleFactory(doors_open=True, concert__title="Zebra", price=7_000)
        self.buyer = UserFactory(won=100_000, name="김하늘")
        refunded, used = bought(self.buyer, self.mine, 1, 2).tickets
        cancel_ticket(user=self.buyer, ticket_id=refunded.pk)
        scanned(used, gate="A")
        bought(self.buyer, self.other, 1)
        held(UserFactory(), self.mine, 3)
        join_and_leave.join(user=UserFactory(), slug=self.mine.concert.waiting_room.slug)
        room = WaitingRoomFactory(slug="rehearsal-1", rehearsal="rehearsal-1")
        played = ScheduleFactory(concert__waiting_room=room)
        bought(UserFactory(won=100_000, rehearsal="rehearsal-1"), played, 1)


def read(slug, *, user=None, **scope):
    """The rows as they are written, by the names of the columns."""
    report = REPORTS[slug]
    today = timezone.localdate()
    days = Scope(today, today + dt.timedelta(days=60 if report.of_shows else 0), **scope)
    user = user or StaffFactory(is_superuser=True)
    rows = read_rows(report, days, user=user, most=100, timeout="5s")
    _headings, *table = as_table(report, rows)
    names = [column.name for column in report.columns]
    return [dict(zip(names, row, strict=True)) for row in table]


def page_of(slug):
    return reverse("console:report", args=[slug])


OF_MONEY = [slug for slug in REPORTS if slug.startswith(("sales", "settlement"))]


def test_each_report_of_money_has_the_same_sums(sale):
    for slug in OF_MONEY:
        rows = read(slug)
        sold, sales, refunded, refunds, fees, net = (
            sum(row[name] for row in rows)
            for name in ("sold", "sales", "refunded", "refunds", "fees", "net")
        )
        assert (sold, sales, refunded) == (3, 27_000, 1)
        assert (refunds, fees, net) == (10_000, 0, 17_000)
        assert len(rows) == (1 if slug in ("sales-by-hour", "sales-by-day") else 2)


def test_days_and_hours_are_those_of_the_venue(sale):
    (day,) = read("sales-by-day")
    assert day["day"] == timezone.localdate()
    (hour,) = read("sales-by-hour")
    assert timezone.localtime(hour["hour"]).date() == day["day"]
    assert period_of(day["day"], day["day"])[0].isoformat().endswith("T00:00:00+09:00")


def test_the_line_tells_who_came_who_waited_and_who_bought(sale):
    rooms = {row["room"]: row for row in read("queue-by-day")}
    mine = rooms[sale.mine.concert.waiting_room.title]
    assert (mine["joined"], mine["admitted"], mine["paid"]) == (3, 3, 1)
    assert mine["p50"] == mine["p99"] == 0
    assert float(mine["conversion"]) == 33.3
    assert (mine["left_waiting"], mine["left_inside"]) == (0, 0)
    assert len(rooms) == 2


def test_seats_attendance_guests_and_refunds_are_told(sale):
    seats = {row["concert"]: row for row in read("seats")}
    mine = seats["=가을밤"]
    assert (mine["seats"], mine["sold"], mine["held"], mine["free"]) == (10, 1, 1, 8)
    came = [(row["tickets"], row["inside"], row["missing"]) for row in read("attendance")]
    assert sorted(came) == [(1, 0, 1), (1, 1, 0)]
    guests = read("guests", concert=sale.mine.concert_id)
    assert [(row["name"], row["seat"], row["gate"]) for row in guests] == [("김하늘", "A-2", "A")]
    (refund,) = read("refunds-by-reason", schedule=sale.mine.pk)
    assert (refund["reason"], refund["refunded"], refund["refunds"]) == ("구매자 취소", 1, 10_000)
    assert read("refunds-by-reason", schedule=sale.other.pk) == []


def test_free_and_blocked_seats_are_told_apart_from_those_sold():
    show, guest, actor = ScheduleFactory(), UserFactory(), StaffFactory()
    bought(UserFactory(won=10_000), show, 1)
    block_seats(actor=actor, schedule_id=show.pk, numbers=[2], reason="Broken")
    party = {"blocked_for": "Promoter", "reason": "Contract"}
    block_seats(actor=actor, schedule_id=show.pk, numbers=[3, 4], **party)
    giving = {"email": guest.email, "reason": "Guest"}
    give_tickets(actor=actor, schedule_id=show.pk, numbers=[4, 5], **giving)

    (seats,) = read("seats")
    told = {name: seats[name] for name in ("sold", "comps", "blocked", "held_back", "free")}
    assert told == {"sold": 1, "comps": 2, "blocked": 1, "held_back": 1, "free": 5}
    (day,) = read("sales-by-day")
    assert (day["sold"], day["sales"]) == (1, 10_000)


def test_who_works_for_one_concert_reads_of_no_other(client, sale):
    limited = staff("Owner", concerts=[sale.mine.concert])
    client.force_login(limited)
    today = timezone.localdate()
    query = {"first": today, "last": today, "concert": sale.other.concert_id}
    for slug in REPORTS:
        rows = read(slug, user=limited)
        assert rows == read(slug, concert=sale.mine.concert_id)
        # The other concert has no refund.
        assert rows != read(slug) or slug == "refunds-by-reason"
        refused = client.get(page_of(slug), query)
        assert "concert" in refused.context["form"].errors
        assert "rows" not in refused.context
        client.post(reverse("console:report", args=[slug], query=query), {"format": "csv"})
    assert not Export.objects.exists()


def test_each_report_needs_its_permission_and_its_file_that_to_export(client, sale):
    client.force_login(staff("Programme"))
    assert client.get(page_of("queue-by-day")).status_code == 200
    assert client.get(page_of("guests")).status_code == 403
    assert client.post(page_of("queue-by-day"), {"format": "csv"}).status_code == 403
    listed = client.get(reverse("console:reports")).content.decode()
    assert page_of("queue-by-day") in listed
    assert page_of("guests") not in listed
    assert reverse("admin:operations_reportmail_changelist") not in listed
    client.force_login(staff("Door"))
    assert client.get(reverse("console:reports")).status_code == 403
    assert client.get(page_of("no-such")).status_code == 403


def test_a_page_shows_rows_and_sums_in_the_readers_words(client, sale):
    client.force_login(staff("Finance"))
    page = client.get(page_of("sales-by-date"), headers={"accept-language": "ko"})
    body = page.content.decode()
    assert "27,000원" in body
    assert "합계" in body
    for first, last in (("2026-01-02", "2026-01-01"), ("x", "y"), ("2026-01-01", "2028-01-01")):
        wrong = client.get(page_of("sales-by-date"), {"first": first, "last": last})
        assert wrong.status_code == 200
        assert wrong.context["form"].errors


def test_a_report_takes_as_many_queries_for_more_rows(client, sale):
    client.force_login(staff("Finance"))

    def count():
        with CaptureQueriesContext(connection) as queries:
            client.get(page_of("sales-by-date"))
        return len(queries)

    count()
    few = count()
    for _more in range(3):
        bought(UserFactory(won=10_000), ScheduleFactory(), 1)
    assert count() == few


@pytest.mark.parametrize("format", ["csv", "xlsx"])
def test_the_file_is_written_by_the_sweep_and_no_title_runs_as_a_formula(client, sale, format):
    finance = staff("Finance")
    client.force_login(finance)
    form = client.get(page_of("sales-by-date"), headers={"accept-language": "ko"})
    sent = {"format": format, "_once": form.context["once"]}
    address = f"{page_of('sales-by-date')}?{form.context['scope'].as_query()}"
    first = client.post(address, sent, headers={"accept-language": "ko"})
    assert client.post(address, sent)["Location"] == first["Location"]
    assert write_slice() == 2
    export = Export.objects.get()
    assert (export.state, export.rows_done) == ("DONE", 2)
    file = client.get(first["Location"].replace("/change/", "/download/"))
    assert file["Content-Disposition"].endswith(f'.{format}"')
    data = file.getvalue()
    if format == "csv":
        head, row, *_more = csv.reader(io.StringIO(data.decode("utf-8-sig")))
    else:
        head, row, *_more = load_workbook(io.BytesIO(data)).active.iter_rows(values_only=True)
    assert (head[0], row[0], int(row[3])) == ("공연", "'=가을밤", 20_000)
    assert Activity.objects.get(act="export.queue").new["report"] == "sales-by-date"
    progress = client.get(first["Location"], headers={"accept-language": "ko"})
    assert "매출" in progress.content.decode()


def test_a_report_that_takes_too_long_says_so_on_the_page_and_as_a_file(client, monkeypatch):
    slow = replace(REPORTS["attendance"], statement="SELECT pg_sleep(9) LIMIT %(most)s")
    monkeypatch.setitem(REPORTS, "attendance", slow)
    monkeypatch.setattr(exports, "REPORT_TIMEOUT", "20ms")
    monkeypatch.setattr(pages, "PAGE_TIMEOUT", "20ms")
    client.force_login(staff("Finance"))
    page = client.get(page_of("attendance"))
    assert page.context["is_too_large"]
    client.post(f"{page_of('attendance')}?{page.context['scope'].as_query()}", {"format": "csv"})
    write_slice()
    assert Export.objects.get().error == "TOO_LARGE"
