"""Scans without a network: two phones never let in one ticket without saying so."""

import datetime as dt
import uuid
from functools import partial

import pytest
from django.utils import timezone

from operations.services.audit import run_checks
from payments.models import CheckIn, CheckInConflict
from payments.services.check_in_lists import hash_of, salt_of
from payments.services.check_ins import check_in
from payments.services.scan_sync import OfflineScan, sync_scans
from payments.services.schedule_cancellation import cancel_schedule
from payments.services.ticket_cancellation import cancel_ticket
from tests.concertbook.test_bad_input import assert_problem
from tests.concurrency.threads import race
from tests.factories import CheckInStaffFactory, ScheduleFactory, StaffFactory, UserFactory, bought
from tests.factories import scanned as scanned_online

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    return ScheduleFactory(price=10_000, seats=3, doors_open=True)


@pytest.fixture
def ticket(schedule):
    return bought(UserFactory(won=20_000, name="박서연"), schedule, 2).tickets[0]


@pytest.fixture
def staff():
    return CheckInStaffFactory()


def minutes_ago(minutes):
    return timezone.now() - dt.timedelta(minutes=minutes)


def scan(ticket, *, at=None, gate="A", key=None):
    return OfflineScan(key or uuid.uuid4(), ticket.code, gate, at or minutes_ago(5))


def sync(*scans, by, of):
    return sync_scans(schedule_id=of.pk, scans=scans, by=by)


def address(schedule, what):
    return f"/api/v1/schedules/{schedule.pk}/check-ins/{what}/"


def test_a_synced_scan_is_a_check_in_at_the_time_of_the_scan(app, staff, schedule, ticket):
    key, at = uuid.uuid4(), minutes_ago(5)
    sent = {"id": str(key), "code": ticket.code, "gate": "B", "scanned_at": at.isoformat()}

    answer = app(staff).post(address(schedule, "scans"), {"scans": [sent]}, format="json")

    (record,) = answer.json()["scans"]
    assert (record["id"], record["conflict"]) == (str(key), None)
    assert (record["check_in"]["holder_name"], record["check_in"]["gate"]) == ("박서연", "B")
    ticket.refresh_from_db()
    made = CheckIn.objects.get(scan=key)
    assert (ticket.status, ticket.used_at, made.checked_in_at) == ("USED", at, at)
    assert made.recorded_at > at
    assert not [finding for finding in run_checks() if finding.violations]


def test_the_same_scan_sent_twice_has_one_effect(staff, schedule, ticket):
    first, second = scan(ticket), scan(ticket, gate="B")
    before = sync(first, second, by=staff, of=schedule)

    assert sync(first, second, by=staff, of=schedule) == before
    assert (CheckIn.objects.count(), CheckInConflict.objects.count()) == (1, 1)


def test_a_scan_whose_online_answer_was_lost_is_no_conflict(app, staff, schedule, ticket):
    key = uuid.uuid4()
    asked = {"code": ticket.code, "schedule": str(schedule.pk), "gate": "A", "scan": str(key)}
    online = app(staff).post("/api/v1/check-ins/", asked, format="json").json()
    again = app(staff).post("/api/v1/check-ins/", asked, format="json")

    (record,) = sync(scan(ticket, key=key), by=staff, of=schedule)

    assert again.json() == online
    assert str(record.pk) == online["id"]
    assert not CheckInConflict.objects.exists()


def test_the_key_of_another_scan_is_refused(app, staff, schedule, ticket):
    other = bought(UserFactory(won=10_000), schedule, 1).tickets[0]
    key = uuid.uuid4()
    check_in(code=other.code, schedule_id=schedule.pk, by=staff, scan=key)
    asked = {"code": ticket.code, "schedule": str(schedule.pk), "scan": str(key)}

    answer = app(staff).post("/api/v1/check-ins/", asked, format="json")

    assert_problem(answer, 422, "idempotency_key_reused")


def test_of_two_phones_the_second_to_sync_is_the_conflict_and_both_have_their_times(
    app, staff, schedule, ticket
):
    early, late = scan(ticket, at=minutes_ago(20)), scan(ticket, at=minutes_ago(10), gate="B")
    sync(late, by=staff, of=schedule)
    (conflict,) = sync(early, by=StaffFactory.create(name="문지영"), of=schedule)

    state = app(staff).get(address(schedule, "state")).json()

    assert (conflict.code, conflict.ticket_id) == ("ticket_used", ticket.pk)
    (told,) = state["conflicts"]
    assert (told["label"], told["gate"], told["scanned_by"]) == ("A-2", "A", "문지영")
    assert told["scanned_at"] < told["other_use"]["checked_in_at"]
    assert told["other_use"]["gate"] == "B"
    assert (state["inside"], state["gates"]) == (1, [{"gate": "B", "inside": 1}])


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda ticket: scanned_online(ticket), "ticket_used"),
        (
            lambda ticket: cancel_ticket(user=ticket.user, ticket_id=ticket.pk),
            "already_cancelled",
        ),
        (
            lambda ticket: cancel_schedule(
                schedule_id=ticket.seat.schedule_id, by=StaffFactory.create()
            ),
            "already_cancelled",
        ),
    ],
    ids=["used online", "refunded", "cancelled show"],
)
def test_a_holder_who_was_let_in_with_a_ticket_that_was_not_good_is_a_conflict(
    staff, schedule, ticket, spoil, code
):
    spoil(ticket)

    (conflict,) = sync(scan(ticket), by=staff, of=schedule)

    assert (type(conflict), conflict.code) == (CheckInConflict, code)


def test_a_code_that_no_ticket_has_and_a_ticket_of_another_show_are_conflicts(staff, ticket):
    tonight = ScheduleFactory(doors_open=True)
    unknown = OfflineScan(uuid.uuid4(), "x", "A", minutes_ago(1))

    first, second = sync(unknown, scan(ticket), by=staff, of=tonight)

    assert (first.code, first.ticket) == ("not_found", None)
    assert (second.code, second.ticket) == ("wrong_schedule", ticket)


def test_a_phone_whose_clock_is_wrong_cannot_check_in_before_the_doors_or_in_the_future(
    staff, schedule
):
    buyer = UserFactory(won=20_000)
    early, late = bought(buyer, schedule, 1, 2).tickets
    scans = [
        scan(early, at=timezone.now() - dt.timedelta(days=9_000)),
        scan(late, at=timezone.now() + dt.timedelta(days=1)),
    ]

    first, second = sync(*scans, by=staff, of=schedule)

    assert first.checked_in_at == schedule.doors_open_at
    assert second.checked_in_at == second.recorded_at


def test_only_the_staff_of_the_door_sync_scans_and_read_list_and_state(app, schedule):
    for who in (UserFactory(), StaffFactory()):
        client = app(who)
        for answer in (
            client.get(address(schedule, "list")),
            client.get(address(schedule, "state")),
            client.post(address(schedule, "scans"), {"scans": []}, format="json"),
        ):
            assert_problem(answer, 403, "permission_denied")


@pytest.mark.parametrize(
    "scans",
    [
        [],
        "x",
        [{}],
        ["x"],
        [{"id": "x", "code": "y", "scanned_at": "z"}],
        [{"id": 1, "code": 2, "scanned_at": 3}],
    ],
)
def test_malformed_scans_are_refused(app, staff, schedule, scans):
    answer = app(staff).post(address(schedule, "scans"), {"scans": scans}, format="json")

    assert_problem(answer, 400, "malformed")


def test_the_state_tells_what_was_checked_in_recorded_or_undone_since(app, staff, schedule, ticket):
    client = app(staff)
    now = client.get(address(schedule, "state")).json()["now"]
    sync(scan(ticket, at=minutes_ago(60), gate="B"), by=staff, of=schedule)

    state = client.get(address(schedule, "state"), {"since": now}).json()

    (use,) = state["uses"]
    assert use["hash"] == hash_of(ticket.code, salt_of(schedule.pk))
    assert (use["gate"], use["is_undone"]) == ("B", False)
    assert_problem(client.get(address(schedule, "state"), {"since": "x"}), 400, "malformed")


@pytest.mark.django_db(transaction=True)
def test_two_phones_that_send_one_ticket_at_the_same_moment_end_in_a_check_in_and_a_conflict(
    staff, schedule, ticket
):
    records = race(
        partial(sync, scan(ticket), by=staff, of=schedule),
        partial(sync, scan(ticket, gate="B"), by=staff, of=schedule),
    )

    assert {type(record) for (record,) in records} == {CheckIn, CheckInConflict}
    assert CheckIn.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_one_scan_that_is_sent_twice_at_the_same_moment_is_one_record(staff, schedule, ticket):
    good, unknown = scan(ticket), OfflineScan(uuid.uuid4(), "x", "A", minutes_ago(1))
    send = partial(sync, good, unknown, by=staff, of=schedule)

    first, second = race(send, send)

    assert first == second
    assert (CheckIn.objects.count(), CheckInConflict.objects.count()) == (1, 1)
