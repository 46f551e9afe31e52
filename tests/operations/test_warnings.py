"""Each warning of the front page: it is given when something is wrong, and says where to go."""

import datetime as dt

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Activity, Charge, OutgoingMessage
from accounts.services import activity
from concerts.models import Concert, ConcertSchedule
from operations.services import warnings
from queueing.models import WaitingRoom
from queueing.services import admission, index_build, join_and_leave
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
    held,
    overdue,
)

pytestmark = pytest.mark.django_db(transaction=True)
HOUR = dt.timedelta(hours=1)


def warned(check, **later):
    return list(check(timezone.now() + dt.timedelta(**later)))


def only(check, **later):
    """The one warning of this check; it leads to a page of the staff."""
    (warning,) = warned(check, **later)
    assert warning.link.startswith("/admin/")
    assert warning.text
    assert warning.action
    return warning


def rooms_of(schedule):
    return WaitingRoom.objects.filter(pk=schedule.concert.waiting_room_id)


def test_all_is_well_with_a_sale_that_runs(client):
    cache.clear()
    schedule = ScheduleFactory(seats=2)
    held(UserFactory(), schedule, 1)
    index_build.build_missing()
    admission.admit_waiting()
    assert [w for w in warnings.read_warnings() if schedule.concert.title in w.text] == []


def test_a_line_that_no_tick_has_moved_for_ten_seconds(client):
    room = WaitingRoomFactory()
    index_build.build_missing()
    admission.admit_waiting()
    assert warned(warnings.ticks_are_late, seconds=5) == []
    assert room.title in only(warnings.ticks_are_late, seconds=30).text


def test_a_room_that_did_not_open_at_its_time():
    room = WaitingRoomFactory(state="SCHEDULED", opens_at=timezone.now() - HOUR)
    assert room.title in only(warnings.ticks_are_late).text


def test_holds_that_were_not_ended():
    overdue(*held(UserFactory(), ScheduleFactory(seats=1), 1))
    assert "1" in only(warnings.holds_are_overdue, minutes=10).text


def test_mails_that_wait():
    OutgoingMessage.objects.create(kind="x", recipient="buyer@example.com")
    assert warned(warnings.mail_is_late) == []
    only(warnings.mail_is_late, minutes=5)


def test_charges_that_are_pending_for_minutes():
    Charge.objects.create(user=UserFactory(), amount=1000)
    assert warned(warnings.charges_are_pending) == []
    only(warnings.charges_are_pending, minutes=5)


def test_refunds_of_a_cancelled_date_that_are_not_finished():
    schedule = ScheduleFactory(seats=1)
    bought(UserFactory(won=100_000), schedule, 1)
    dates = ConcertSchedule.objects.filter(pk=schedule.pk)
    dates.update(cancelled_at=timezone.now(), cancelled_by=StaffFactory())
    only(warnings.refunds_are_unfinished, minutes=10)


def test_an_open_room_before_a_date_without_seats():
    schedule = ScheduleFactory(seats=0)
    assert "generate" in only(warnings.on_sale_without_seats).link
    rooms_of(schedule).update(state="CLOSED")
    assert warned(warnings.on_sale_without_seats) == []


def test_a_sale_that_opens_after_its_room():
    schedule = ScheduleFactory(seats=1, reserve_from=timezone.now() + HOUR)
    assert str(schedule.pk) in only(warnings.sale_opens_after_room).link
    rooms_of(schedule).update(state="SCHEDULED", opens_at=timezone.now() + 2 * HOUR)
    assert warned(warnings.sale_opens_after_room) == []


def test_a_date_outside_of_the_run_of_its_concert():
    schedule = ScheduleFactory(seats=1)
    Concert.objects.update(start_time=schedule.start_at, end_time=schedule.end_at)
    assert warned(warnings.date_is_outside_the_run) == []
    Concert.objects.update(start_time=schedule.start_at + dt.timedelta(minutes=1))
    only(warnings.date_is_outside_the_run)


def test_people_who_wait_at_a_pause():
    room = WaitingRoomFactory(state="PAUSED")
    assert warned(warnings.line_waits_at_a_pause) == []
    join_and_leave.join(user=UserFactory(), slug=room.slug)
    only(warnings.line_waits_at_a_pause)


def test_a_rehearsal_that_was_not_ended():
    room = WaitingRoomFactory(slug="rehearsal-1", rehearsal="rehearsal-1")
    only(warnings.rehearsal_still_stands)
    WaitingRoom.objects.filter(pk=room.pk).update(state="CLOSED")
    assert warned(warnings.rehearsal_still_stands) == []


def test_the_last_audit_found_violations():
    activity.record(actor=None, act="audit.run", new={"findings": {"oversold": 2}})
    only(warnings.audit_is_not_clean)
    activity.record(actor=None, act="audit.run", new={"findings": 0})
    assert Activity.objects.count() == 2
    assert warned(warnings.audit_is_not_clean) == []


def test_the_front_page_takes_the_same_queries_for_many_sales_and_none_when_shared(client):
    client.force_login(StaffFactory(is_superuser=True))

    def queries():
        cache.clear()
        client.get("/admin/")
        with CaptureQueriesContext(connection) as shared:
            client.get("/admin/")
        cache.clear()
        with CaptureQueriesContext(connection) as alone:
            client.get("/admin/")
        return len(shared), len(alone)

    ScheduleFactory(seats=2)
    one = queries()
    for _ in range(4):
        bought(UserFactory(won=100_000), ScheduleFactory(seats=2), 1)
    assert queries() == one
    # The session, the user, the credits that wait: not shared, as few may decide on them.
    assert one[0] <= 4
