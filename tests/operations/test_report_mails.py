"""Reports by mail: written once at their time, for those who may have them, told by a link."""

import datetime as dt
import threading

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction
from django.urls import reverse
from django.utils import timezone

from accounts.models import OutgoingMessage
from operations.letters import report as letter_of
from operations.models import Export, ReportMail
from operations.services.exports import delete_old_exports, write_slice
from operations.services.report_mails import days_of, last_time, queue_due
from tests.concertbook.test_admin_forms import form_at
from tests.factories import ScheduleFactory, staff

pytestmark = pytest.mark.django_db

ADD = reverse("admin:operations_reportmail_add")
SEOUL = timezone.get_default_timezone()


def due(*recipients, **fields):
    """A timetable whose time came since it was served last."""
    two_days_ago = timezone.now() - dt.timedelta(days=2)
    mail = ReportMail.objects.create(report="sales-by-day", last_due_at=two_days_ago, **fields)
    mail.recipients.set(recipients)
    return mail


def test_what_is_due_is_written_once_and_told_by_a_link(client):
    finance = staff("Finance", language="en")
    due(finance, span="week_before")

    assert queue_due() == 1
    assert queue_due() == 0
    assert not OutgoingMessage.objects.exists()
    write_slice()

    message = OutgoingMessage.objects.get()
    export = Export.objects.get()
    assert (message.kind, message.user, message.data) == ("report", finance, {"export": export.pk})
    letter = letter_of(message)
    _label, page = letter.action
    assert page.endswith(reverse("admin:operations_export_change", args=[export.pk]))
    address = page[page.index("/admin/") :]
    assert client.get(address).status_code == 302
    client.force_login(finance)
    assert client.get(address).status_code == 200
    Export.objects.update(created_at=timezone.now() - dt.timedelta(days=6))
    assert delete_old_exports() == 0
    Export.objects.update(created_at=timezone.now() - dt.timedelta(days=8))
    assert delete_old_exports() == 1
    assert letter_of(message) is None


def test_who_lost_the_permission_gets_nothing():
    before, meanwhile, after = (staff("Finance") for _each in range(3))
    due(before, meanwhile, after)
    before.groups.clear()

    assert queue_due() == 2
    meanwhile.groups.set(Group.objects.filter(name="Support"))
    for _each in range(2):
        write_slice()

    message = OutgoingMessage.objects.get()
    assert message.user == after
    after.groups.clear()
    assert letter_of(message) is None


@pytest.mark.parametrize(
    ("weekday", "now", "expected"),
    [
        (None, (2026, 11, 30, 7, 59), (2026, 11, 29, 8)),
        (None, (2026, 11, 30, 8, 0), (2026, 11, 30, 8)),
        (0, (2026, 11, 30, 9, 0), (2026, 11, 30, 8)),
        (0, (2026, 11, 30, 7, 0), (2026, 11, 23, 8)),
    ],
)
def test_the_last_time_is_at_its_hour_of_its_weekday(weekday, now, expected):
    mail = ReportMail(weekday=weekday, hour=8)
    assert last_time(mail, dt.datetime(*now, tzinfo=SEOUL)) == dt.datetime(*expected, tzinfo=SEOUL)


def test_the_days_are_seen_from_the_day_of_the_timetable():
    day = dt.date(2026, 3, 1)
    assert days_of("month_before", day) == (dt.date(2026, 2, 1), dt.date(2026, 2, 28))
    assert days_of("week_before", day) == (dt.date(2026, 2, 22), dt.date(2026, 2, 28))
    assert days_of("week_ahead", day) == (day, dt.date(2026, 3, 7))


def sent(client, **values):
    form = {"report": "guests", "span": "today", "format": "csv", "hour": "8", "weekday": ""}
    return client.post(ADD, form_at(client, ADD) | form | values)


def test_the_form_takes_only_recipients_who_may_export_the_report(client):
    finance, support = staff("Finance"), staff("Support", name="이서준")
    client.force_login(finance)
    refused = sent(client, recipients=[str(finance.pk), str(support.pk)])
    assert "이서준" in str(refused.context["adminform"].form.errors["recipients"])
    assert sent(client, recipients=[str(finance.pk)]).status_code == 302
    assert list(ReportMail.objects.get().recipients.all()) == [finance]
    client.force_login(support)
    assert client.get(ADD).status_code == 403


def test_who_works_for_one_concert_makes_a_timetable_of_that_one(client):
    mine, other = ScheduleFactory(), ScheduleFactory()
    limited = staff("Finance", concerts=[mine.concert])
    client.force_login(limited)
    for concert in ("", str(other.concert_id)):
        refused = sent(client, concert=concert, recipients=[str(limited.pk)])
        assert "concert" in refused.context["adminform"].form.errors
    made = sent(client, concert=str(mine.concert_id), recipients=[str(limited.pk)])
    assert made.status_code == 302


@pytest.mark.django_db(transaction=True)
def test_a_timetable_that_another_sweep_serves_is_left_to_it():
    mail = due(staff("Finance"))
    queued = []

    def sweep():
        queued.append(queue_due())
        connection.close()

    with transaction.atomic():
        ReportMail.objects.select_for_update().get(pk=mail.pk)
        worker = threading.Thread(target=sweep)
        worker.start()
        worker.join(10)
        assert queued == [0]
    assert not Export.objects.exists()
