"""The live board: its figures are the database's, its acts say what they do and are logged."""

import datetime as dt
from unittest import mock

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Activity
from concertbook.http import refusal_counts
from concerts.errors import SaleClosed, SaleNotOpen
from concerts.models import ConcertSchedule
from concerts.services.sale_stop import STOPS_AFTER, stop_sale
from operations.services import board, board_course
from queueing.models import QueueEntryHistory, QueueToken, WaitingRoom
from queueing.services import join_and_leave
from queueing.services.rooms import tell_line
from tests.factories import (
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    bought,
    held,
    staff,
)

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def _forget():
    cache.clear()
    board_course._kept.clear()


@pytest.fixture
def schedule():
    """Of ten seats one is held and two are sold; one person waits, one is inside."""
    schedule = ScheduleFactory(seats=10)
    room = schedule.concert.waiting_room
    bought(UserFactory(won=100_000), schedule, 1, 2)
    held(UserFactory(), schedule, 3)
    WaitingRoom.objects.filter(pk=room.pk).update(capacity=1)
    join_and_leave.join(user=UserFactory(), slug=room.slug)
    return schedule


@pytest.fixture
def manager(client):
    duty = staff("Duty manager")
    client.force_login(duty)
    return duty


def room_of(schedule):
    return WaitingRoom.objects.get(concerts=schedule.concert)


def act(name, room):
    return reverse("console:board_act", args=[room.pk, name])


# --- Figures ------------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_tables(schedule):
    room = room_of(schedule)
    tokens = QueueToken.objects.filter(room=room)

    now = board.read_board().room(room.pk)

    assert now is not None
    assert (now.waiting, now.inside) == (tokens.waiting().count(), tokens.active().count())
    assert (now.waiting, now.held, now.sold, now.seats) == (1, 1, 2, 10)
    assert now.won == 2 * schedule.price
    assert now.wait_p95 is not None
    assert 0 <= now.wait_p95 < 60


def test_the_snapshot_takes_five_statements_for_any_number_of_rooms(schedule):
    ScheduleFactory(seats=2)
    with CaptureQueriesContext(connection) as one:
        board.build_board()
    for _ in range(3):
        bought(UserFactory(won=100_000), ScheduleFactory(seats=2), 1)
    with CaptureQueriesContext(connection) as many:
        board.build_board()
    assert len(many) == len(one) == 5


def test_all_readers_of_a_second_share_one_snapshot(schedule):
    first = board.read_board()
    with CaptureQueriesContext(connection) as queries:
        assert board.read_board() == first
    assert len(queries) == 0


def test_a_reader_gets_the_snapshot_before_while_another_builds(schedule):
    before = board.read_board()
    cache.delete(board.PRESENT)
    cache.add(board.LOCK, 1, timeout=5)

    with CaptureQueriesContext(connection) as queries:
        assert board.read_board() == before
    assert len(queries) == 0


def test_without_redis_the_board_is_built_for_its_reader(schedule):
    with mock.patch.object(board, "cache") as away:
        away.get.return_value, away.add.return_value = None, False
        assert board.read_board().room(room_of(schedule).pk).sold == 2


# --- The course ---------------------------------------------------------------------------------


def test_the_course_counts_each_event_in_its_ten_seconds(schedule, monkeypatch):
    room = room_of(schedule)
    later = timezone.now() + dt.timedelta(seconds=30)
    monkeypatch.setattr(board_course, "database_now", lambda: later)

    course = board_course.read_course(rooms=[room.pk])

    total = {name: sum(filter(None, values)) for name, values in course.columns.items()}
    exits = QueueEntryHistory.objects.filter(token__room=room).exclude(outcome="PAID")
    assert total["joined"] == QueueToken.objects.filter(room=room).count()
    assert total["admitted"] == total["joined"] - 1
    assert (total["held"], total["sold"], total["won"]) == (3, 2, 2 * schedule.price)
    assert total["left"] == exits.count()
    assert {len(values) for values in course.columns.values()} == {board_course.STEPS}


def test_a_step_is_read_from_the_tables_once(schedule, monkeypatch):
    later = timezone.now() + dt.timedelta(seconds=30)
    monkeypatch.setattr(board_course, "database_now", lambda: later)
    board_course.read_course(rooms=[])
    board_course._kept.clear()

    with CaptureQueriesContext(connection) as queries:
        board_course.read_course(rooms=[])

    assert len(queries) == 0


def test_refusals_are_counted_by_code_wherever_they_are_sent(client, schedule):
    refusal_counts.flush()
    buyer = UserFactory()
    client.force_login(buyer)
    client.get("/api/v1/schedules/00000000-0000-4000-8000-000000000000/")
    now = timezone.now().timestamp()

    refusal_counts.flush()

    buckets = range(int(now) // refusal_counts.STEP - 1, int(now) // refusal_counts.STEP + 2)
    counted = refusal_counts.read_refusals(buckets)
    assert sum(sums.get("not_found", 0) for sums in counted.values()) >= 1


# --- Acts ---------------------------------------------------------------------------------------


def test_a_pause_says_how_many_wait_and_is_logged_with_its_reason(client, manager, schedule):
    room = room_of(schedule)
    page = client.get(act("pause", room), headers={"accept-language": "en"})
    assert "1 person waits." in page.content.decode()

    client.post(act("pause", room), {"state": "OPEN", "reason": "a rush at the gateway"})

    assert room_of(schedule).state == "PAUSED"
    entry = Activity.objects.get(act="room.pause")
    assert (entry.actor, entry.reason) == (manager, "a rush at the gateway")


def test_an_act_on_a_room_that_changed_since_the_page_was_opened_is_refused(
    client, manager, schedule
):
    room = room_of(schedule)
    WaitingRoom.objects.filter(pk=room.pk).update(state="DRAINING")

    answer = client.post(act("pause", room), {"state": "OPEN"})

    assert answer.status_code == 200
    assert room_of(schedule).state == "DRAINING"


def test_a_room_is_closed_only_by_its_name(client, manager, schedule):
    room = room_of(schedule)

    client.post(act("close", room), {"state": "OPEN", "name": "another"})
    assert room_of(schedule).state == "OPEN"
    client.post(act("close", room), {"state": "OPEN", "name": room.title})
    assert room_of(schedule).state == "CLOSED"


def test_the_pace_is_a_tenth_less_or_any_number(client, manager, schedule):
    room = room_of(schedule)
    WaitingRoom.objects.filter(pk=room.pk).update(admit_per_minute=600)
    page = client.get(act("pace", room))
    assert {"540", "660"} <= {str(pace) for _label, pace in page.context["steps"]}

    sent = {"state": "OPEN", "admit_per_minute": "540", "capacity": "80"}
    client.post(act("pace", room), sent)
    client.post(act("pace", room), {**sent, "admit_per_minute": "-1"})

    room = room_of(schedule)
    assert (room.admit_per_minute, room.capacity) == (540, 80)


@pytest.mark.parametrize("name", ["open", "pause", "pace", "drain", "close", "message"])
def test_the_acts_need_the_permission_to_change_rooms(client, schedule, name):
    client.force_login(staff("Support"))
    room = room_of(schedule)

    board_page = client.get(reverse("console:board_room", args=[room.pk]))
    assert board_page.status_code == 200
    assert act(name, room) not in board_page.content.decode()
    assert reverse("console:stop_sale", args=[schedule.pk]) not in board_page.content.decode()
    assert client.post(act(name, room), {"state": "OPEN"}).status_code == 403
    stop = reverse("console:stop_sale", args=[schedule.pk])
    assert client.post(stop).status_code == 403


def test_the_board_does_not_tell_sales_to_those_who_may_not_see_payments(client, schedule):
    client.force_login(staff("Programme"))

    answer = client.get(reverse("console:board_data"), {"since": "x"})

    assert "won" not in answer.json()["course"]["columns"]
    assert 'data-figure="won"' not in answer.content.decode()


def test_a_manager_of_another_concert_sees_and_controls_nothing_of_this_one(client, schedule):
    client.force_login(staff("Duty manager", concerts=[ScheduleFactory().concert]))
    room = room_of(schedule)
    stop = reverse("console:stop_sale", args=[schedule.pk])

    assert client.get(reverse("console:board_room", args=[room.pk])).status_code == 404
    assert room.title not in client.get(reverse("console:board")).content.decode()
    assert room.title not in client.get("/admin/").content.decode()
    assert client.post(act("pause", room), {"state": "OPEN"}).status_code == 404
    assert client.post(stop, {}).status_code == 404


def test_an_unknown_room_act_or_date_is_not_found(client, manager, schedule):
    room = room_of(schedule)
    assert client.get(act("explode", room)).status_code == 404
    assert client.get(reverse("console:board_room", args=[10**30])).status_code == 404
    nowhere = "00000000-0000-4000-8000-000000000000"
    assert client.get(reverse("console:stop_sale", args=[nowhere])).status_code == 404


# --- A message to the line ----------------------------------------------------------------------


def test_a_message_is_in_the_front_and_on_the_waiting_page_in_the_readers_language(
    client, schedule
):
    room = room_of(schedule)
    tell_line(room_id=room.pk, ko="10분만 기다려 주세요.", en="Ten more minutes, please.")
    waiting = QueueToken.objects.waiting().get(room=room).user
    front = reverse("front", args=[room.slug])

    said = {
        code: client.get(front, headers={"accept-language": code}).json()["message"]
        for code in ("ko", "en")
    }

    assert said == {"ko": "10분만 기다려 주세요.", "en": "Ten more minutes, please."}
    client.force_login(waiting)
    page = client.get(f"/rooms/{room.slug}/", headers={"accept-language": "en"})
    assert "Ten more minutes, please." in page.content.decode()
    assert Activity.objects.get(act="room.message").new["message_en"] == said["en"]


def test_a_message_in_one_language_is_shown_in_both():
    change = tell_line(room_id=WaitingRoomFactory().pk, ko="잠시만요.", en="")
    assert change.room.message == "잠시만요."


# --- Stop the sale of a date --------------------------------------------------------------------


def test_a_stopped_sale_takes_no_holds_and_lets_buyers_pay(client, manager, schedule, monkeypatch):
    stop = reverse("console:stop_sale", args=[schedule.pk])
    assert client.get(stop).status_code == 200

    client.post(stop, {"reason": "a mistake in the plan"})

    end = ConcertSchedule.objects.get(pk=schedule.pk).reserve_until
    assert dt.timedelta(0) < end - timezone.now() <= STOPS_AFTER
    assert Activity.objects.get(act="schedule.stop_sale").reason == "a mistake in the plan"


def test_a_sale_is_stopped_only_while_it_is_open(schedule):
    now = timezone.now()
    schedules = ConcertSchedule.objects.filter(pk=schedule.pk)
    schedules.update(reserve_from=now + dt.timedelta(hours=1))
    with pytest.raises(SaleNotOpen):
        stop_sale(schedule_id=schedule.pk)
    schedules.update(
        reserve_from=now - dt.timedelta(hours=1), reserve_until=now + dt.timedelta(seconds=3)
    )
    with pytest.raises(SaleClosed):
        stop_sale(schedule_id=schedule.pk)
