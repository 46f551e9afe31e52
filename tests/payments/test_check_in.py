"""Check-ins: valid tickets, refusals by show and time, and undoing."""

import datetime as dt
import uuid
from functools import partial

import pytest
from django.utils import timezone

from concerts.models import ConcertSchedule
from operations.services.audit import run_checks
from payments.errors import (
    AlreadyCancelled,
    AlreadyUndone,
    CancellationClosed,
    ShowOver,
    TicketUsed,
)
from payments.models import CheckIn, Refund
from payments.services.check_ins import undo_check_in
from payments.services.schedule_cancellation import cancel_schedule, refund_cancelled_schedules
from payments.services.ticket_cancellation import cancel_ticket
from tests.concertbook.test_bad_input import assert_problem
from tests.concurrency.threads import Meeting, race
from tests.factories import (
    CheckInStaffFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    bought,
    scanned,
)

pytestmark = pytest.mark.django_db

CLOCK = "SELECT clock_timestamp()"


@pytest.fixture
def schedule():
    return ScheduleFactory(price=10_000, seats=3, doors_open=True)


@pytest.fixture
def ticket(schedule):
    return bought(UserFactory(won=10_000, name="박서연"), schedule, 2).tickets[0]


@pytest.fixture
def scanner(app):
    return app(CheckInStaffFactory())


def scan(client, ticket, schedule=None, **fields):
    of = schedule or ticket.reservation.schedule
    asked = {"code": ticket.code, "schedule": str(of.pk), "gate": "B"} | fields
    return client.post("/api/v1/check-ins/", asked, format="json")


def undo(client, check_in, **fields):
    path = f"/api/v1/check-ins/{check_in}/undo/"
    return client.post(path, {"reason": "Wrong person"} | fields, format="json")


def moved(schedule, **moments):
    ConcertSchedule.objects.filter(pk=schedule.pk).update(**moments)


def is_untouched(ticket):
    """A refused check-in has written nothing."""
    ticket.refresh_from_db()
    return (ticket.status, ticket.used_at, ticket.version) == ("ISSUED", None, 1) and (
        not CheckIn.objects.exists()
    )


# --- Accepted ------------------------------------------------------------------------------------


def test_the_answer_names_the_holder_and_the_seat(scanner, ticket, schedule):
    schedule.seats.filter(number=2).update(kind="wheelchair")

    answer = scan(scanner, ticket)

    assert answer.status_code == 200
    check_in = CheckIn.objects.get()
    assert {
        "id": str(check_in.pk),
        "ticket": str(ticket.pk),
        "schedule": str(schedule.pk),
        "concert_title": schedule.concert.title,
        "holder_name": "박서연",
        "seat_number": 2,
        "label": "A-2",
        "section": "",
        "row": "A",
        "seat_in_row": 2,
        "grade": "R",
        "kind": "wheelchair",
        "status": "USED",
        "gate": "B",
        "undone_at": None,
    }.items() <= answer.json().items()
    assert "code" not in answer.json()


def test_the_ticket_says_when_where_and_by_whom(scanner, ticket):
    scan(scanner, ticket)

    ticket.refresh_from_db()
    check_in = CheckIn.objects.get()
    assert (ticket.status, ticket.gate, ticket.version) == ("USED", "B", 2)
    assert ticket.used_at == check_in.checked_in_at
    assert ticket.used_by == check_in.checked_in_by


def test_a_ticket_that_is_scanned_again_names_its_check_in(scanner, ticket):
    first = scan(scanner, ticket).json()

    problem = assert_problem(scan(scanner, ticket, gate="C"), 409, "ticket_used")

    assert problem["check_in"] == first["id"]
    assert (problem["gate"], problem["used_at"]) == ("B", first["checked_in_at"])


# --- Refused, before anything is written -----------------------------------------------------


def test_a_check_in_names_its_schedule(scanner, ticket):
    answer = scanner.post("/api/v1/check-ins/", {"code": ticket.code}, format="json")

    errors = assert_problem(answer, 400, "malformed")["errors"]
    assert [(error["field"], error["code"]) for error in errors] == [("schedule", "required")]
    assert is_untouched(ticket)


def test_a_ticket_of_another_show_is_refused_with_its_own_show(scanner, ticket, schedule):
    tonight = ScheduleFactory(doors_open=True)

    problem = assert_problem(scan(scanner, ticket, tonight), 409, "wrong_schedule")

    assert problem["schedule"] == str(schedule.pk)
    assert problem["concert_title"] == schedule.concert.title
    assert schedule.concert.title in problem["detail"]
    assert problem["start_at"].endswith("Z")
    assert is_untouched(ticket)


def test_another_evening_of_the_same_concert_is_another_show(scanner, ticket, schedule):
    next_evening = ScheduleFactory(concert=schedule.concert, doors_open=True)

    assert_problem(scan(scanner, ticket, next_evening), 409, "wrong_schedule")
    assert is_untouched(ticket)


def test_a_ticket_is_refused_before_the_doors_open(scanner, ticket, schedule):
    moved(schedule, doors_open_minutes=120)

    problem = assert_problem(scan(scanner, ticket), 409, "doors_not_open")

    opens_at = schedule.start_at - dt.timedelta(minutes=120)
    assert dt.datetime.fromisoformat(problem["opens_at"]) == opens_at
    assert f"{timezone.localtime(opens_at):%H:%M}" in problem["detail"]
    assert is_untouched(ticket)


def test_the_doors_move_with_a_show_that_is_moved(scanner, ticket, schedule):
    moved(schedule, doors_open_minutes=120)
    soon = timezone.now() + dt.timedelta(minutes=119)
    moved(schedule, start_at=soon, end_at=soon + dt.timedelta(hours=2), reserve_until=soon)

    assert scan(scanner, ticket).status_code == 200


def test_a_late_ticket_is_checked_in_until_the_show_is_over(scanner, ticket, schedule):
    now = timezone.now()
    begun = {"start_at": now - dt.timedelta(hours=1), "end_at": now + dt.timedelta(hours=1)}
    moved(schedule, reserve_until=now, **begun)

    assert scan(scanner, ticket).status_code == 200


def test_a_ticket_of_a_show_that_is_over_is_refused(scanner, ticket, schedule):
    now = timezone.now()
    over = {"start_at": now - dt.timedelta(hours=2), "end_at": now}
    moved(schedule, reserve_until=now, **over)

    problem = assert_problem(scan(scanner, ticket), 409, "show_over")

    assert dt.datetime.fromisoformat(problem["ended_at"]) == now
    assert is_untouched(ticket)


def test_an_unknown_code_and_an_unknown_schedule_are_not_found(scanner, ticket):
    stranger = ConcertSchedule(pk=uuid.uuid4())

    codes = [
        assert_problem(answer, 404, "not_found")["detail"]
        for answer in (scan(scanner, ticket, code="x"), scan(scanner, ticket, stranger))
    ]

    assert codes[0] != codes[1]
    assert is_untouched(ticket)


def test_a_cancelled_ticket_is_refused(scanner, ticket):
    cancel_ticket(user=ticket.user, ticket_id=ticket.pk)

    assert_problem(scan(scanner, ticket), 409, "already_cancelled")


def test_a_ticket_of_a_cancelled_show_is_refused(scanner, ticket, schedule):
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())

    assert_problem(scan(scanner, ticket), 409, "already_cancelled")


@pytest.mark.parametrize("schedule_id", ["x", "", None, 1, ["x"]])
def test_a_schedule_that_is_no_id_is_malformed(scanner, ticket, schedule_id):
    asked = {"code": ticket.code, "schedule": schedule_id}

    answer = scanner.post("/api/v1/check-ins/", asked, format="json")

    assert_problem(answer, 400, "malformed")
    assert is_untouched(ticket)


@pytest.mark.parametrize(("language", "words"), [("ko", "다른 공연"), ("en", "another show")])
def test_the_answer_is_in_the_language_of_the_request(scanner, ticket, language, words):
    tonight = ScheduleFactory(doors_open=True)
    asked = {"code": ticket.code, "schedule": str(tonight.pk)}
    headers = {"Accept-Language": language}

    answer = scanner.post("/api/v1/check-ins/", asked, format="json", headers=headers)

    assert words in answer.json()["detail"]


# --- Undone --------------------------------------------------------------------------------------


def test_a_check_in_is_undone_and_the_ticket_lets_its_holder_in(scanner, ticket):
    check_in = scan(scanner, ticket).json()["id"]

    answer = undo(scanner, check_in)

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["used_at"]) == ("ISSUED", None)
    undone = CheckIn.objects.get()
    assert (undone.undo_reason, undone.undone_by) == ("Wrong person", undone.checked_in_by)
    assert undone.undone_at >= undone.checked_in_at
    ticket.refresh_from_db()
    assert (ticket.status, ticket.used_at, ticket.used_by, ticket.gate) == (
        "ISSUED",
        None,
        None,
        "",
    )
    assert scan(scanner, ticket).status_code == 200
    assert CheckIn.objects.count() == 2
    assert not [finding for finding in run_checks() if finding.violations]


def test_undoing_a_check_in_needs_the_permission_to_check_in(app, scanner, ticket):
    check_in = scan(scanner, ticket).json()["id"]

    for refused in (
        app(ticket.user),
        app(StaffFactory()),
        app(CheckInStaffFactory(is_staff=False)),
    ):
        assert_problem(undo(refused, check_in), 403, "permission_denied")
    assert undo(app(StaffFactory(is_superuser=True)), check_in).status_code == 200


@pytest.mark.parametrize(
    "reason", ["", " ", None, "\u200b", "\u3164", "\x01\x9f", "\U00068540", "x" * 201]
)
def test_a_check_in_is_not_undone_without_a_reason(scanner, ticket, reason):
    check_in = scan(scanner, ticket).json()["id"]

    problem = assert_problem(undo(scanner, check_in, reason=reason), 400, "malformed")
    assert [error["field"] for error in problem["errors"]] == ["reason"]
    assert CheckIn.objects.get().undone_at is None


def test_a_check_in_is_undone_once(scanner, ticket):
    check_in = scan(scanner, ticket).json()["id"]
    undo(scanner, check_in)

    assert_problem(undo(scanner, check_in, reason="Again"), 409, "already_undone")
    scan(scanner, ticket)
    assert_problem(undo(scanner, check_in, reason="Again"), 409, "already_undone")
    assert CheckIn.objects.get(pk=check_in).undo_reason == "Wrong person"


def test_a_check_in_is_not_undone_after_ten_minutes(scanner, ticket, settings):
    check_in = scan(scanner, ticket).json()["id"]
    settings.CHECK_IN_UNDO_MINUTES = 0

    problem = assert_problem(undo(scanner, check_in), 409, "undo_too_late")

    assert dt.datetime.fromisoformat(problem["until"]) == CheckIn.objects.get().checked_in_at
    ticket.refresh_from_db()
    assert ticket.status == "USED"


def test_an_unknown_check_in_is_not_found(scanner):
    assert_problem(undo(scanner, uuid.uuid4()), 404, "not_found")


def test_a_check_in_of_a_cancelled_show_is_not_undone(ticket, schedule):
    check_in = scanned(ticket)
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())
    take_back = partial(
        undo_check_in, check_in_id=check_in.pk, by=check_in.checked_in_by, reason="x"
    )

    with pytest.raises(AlreadyCancelled):
        take_back()
    refund_cancelled_schedules()
    with pytest.raises(AlreadyCancelled):
        take_back()
    ticket.refresh_from_db()
    assert (ticket.status, ticket.used_at) == ("CANCELLED", check_in.checked_in_at)
    assert not [finding for finding in run_checks() if finding.violations]


def test_a_ticket_undone_after_the_show_is_neither_checked_in_nor_refunded(ticket, schedule):
    check_in = scanned(ticket)
    now = timezone.now()
    moved(schedule, reserve_until=now, start_at=now - dt.timedelta(hours=2), end_at=now)

    undo_check_in(check_in_id=check_in.pk, by=check_in.checked_in_by, reason="x")

    with pytest.raises(ShowOver):
        scanned(ticket)
    with pytest.raises(CancellationClosed):
        cancel_ticket(user=ticket.user, ticket_id=ticket.pk)


def test_a_used_ticket_is_not_cancelled_until_its_check_in_is_undone(ticket):
    check_in = scanned(ticket)
    with pytest.raises(TicketUsed):
        cancel_ticket(user=ticket.user, ticket_id=ticket.pk)

    undo_check_in(check_in_id=check_in.pk, by=check_in.checked_in_by, reason="x")

    assert cancel_ticket(user=ticket.user, ticket_id=ticket.pk).amount == 10_000


# --- Concurrent ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_two_concurrent_undos_of_a_check_in_undo_it_once(ticket):
    check_in, staff = scanned(ticket), StaffFactory()
    take_back = partial(undo_check_in, check_in_id=check_in.pk, by=staff, reason="x")

    results = race(take_back, take_back, meeting=Meeting(CLOCK))

    assert {type(result) for result in results} == {CheckIn, AlreadyUndone}


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("_round", range(3))
def test_an_undo_a_scan_and_a_cancellation_at_once_end_in_one_of_the_three(ticket, _round):
    check_in, staff = scanned(ticket), StaffFactory()

    undone, again, refund = race(
        partial(undo_check_in, check_in_id=check_in.pk, by=staff, reason="x"),
        partial(scanned, ticket, by=staff),
        partial(cancel_ticket, user=ticket.user, ticket_id=ticket.pk),
    )

    assert type(undone) is CheckIn
    ticket.refresh_from_db()
    ended = (ticket.status, type(again), type(refund))
    assert ended in {
        ("ISSUED", TicketUsed, TicketUsed),
        ("USED", CheckIn, TicketUsed),
        ("CANCELLED", AlreadyCancelled, Refund),
        ("CANCELLED", TicketUsed, Refund),
    }
    assert not [finding for finding in run_checks() if finding.violations]


# --- In the admin --------------------------------------------------------------------------------


def test_the_operators_list_tells_every_check_in(client, ticket):
    scanned(ticket, gate="3번 문")
    client.force_login(StaffFactory(is_superuser=True))

    page = client.get("/admin/payments/checkin/").content.decode()

    assert "3번 문" in page
    assert ticket.seat.label in page
    assert client.get("/admin/payments/checkin/add/").status_code == 403
