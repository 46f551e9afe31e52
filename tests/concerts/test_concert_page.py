"""The page of a concert: the dates to choose, what can be done, the hall, refunds, and moves."""

import datetime as dt
import re

import pytest
from django.urls import reverse
from django.utils import timezone

from concerts.models import ConcertSchedule
from concerts.refund_policy import Period, RefundPolicy
from concerts.services.hall_picture import hall_picture
from concerts.services.schedule_rules import moved_from
from concerts.services.seat_generation import Block, generate_seats
from payments.services.schedule_cancellation import cancel_schedule
from tests.concerts.test_admin_programme import form_of
from tests.factories import (
    ConcertFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    ahead,
    bought,
    held,
)

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = dt.timedelta(days=7)


def page_of(client, schedule, **parameters):
    address = f"/concerts/{schedule.concert_id}/"
    return client.get(address, parameters, headers={"Accept-Language": "en"}).content.decode()


def action_of(page):
    return re.search(r'<aside class="sheet".*?</aside>', page, re.DOTALL)[0]


# --- Dates ---------------------------------------------------------------------------------------


def test_the_date_that_is_chosen_is_the_one_to_join_for(client):
    first = ScheduleFactory(price=30_000)
    second = ScheduleFactory(concert=first.concert, price=50_000)

    page = page_of(client, first, date=str(second.pk))

    assert page.count('aria-current="true"') == 1
    assert str(second.pk) in action_of(page)
    assert "₩50,000" in action_of(page)
    assert "date%3D" not in action_of(page)


def test_without_a_choice_it_is_the_first_that_can_be_bought(client):
    over = ScheduleFactory(seats=1)
    bought(UserFactory(won=10_000), over, 1)
    free = ScheduleFactory(concert=over.concert)

    assert str(free.pk) in action_of(page_of(client, over))
    assert "Sold out" in action_of(page_of(client, over, date=str(over.pk)))


@pytest.mark.parametrize("date", ["", "x", "00000000-0000-0000-0000-000000000000"])
def test_an_unknown_date_is_as_none(client, date):
    schedule = ScheduleFactory()

    assert "Join the line" in action_of(page_of(client, schedule, date=date))


# --- The button ----------------------------------------------------------------------------------


def test_before_the_opening_there_is_a_countdown_and_a_reminder(client):
    schedule = ScheduleFactory(reserve_from=ahead(minutes=10))

    action = action_of(page_of(client, schedule))

    assert re.search(r'data-opening="(59\d|600)"', action)
    assert reverse("reminder", args=[schedule.pk]) in action
    assert "Join the line" not in action


def test_before_the_opening_of_the_room_one_can_already_enter_it(client):
    opens_at = timezone.now() + dt.timedelta(minutes=10)
    schedule = ScheduleFactory(
        concert__waiting_room__state="SCHEDULED", concert__waiting_room__opens_at=opens_at
    )

    action = action_of(page_of(client, schedule))

    assert "data-opening" in action
    assert "Join the line" in action
    assert "Remind me" in action


@pytest.mark.parametrize("state", ["DRAINING", "CLOSED"])
def test_no_button_is_shown_that_cannot_work(client, state):
    schedule = ScheduleFactory(concert__waiting_room__state=state)

    assert "<button" not in action_of(page_of(client, schedule))


def test_a_cancelled_performance_says_why_and_that_money_comes_back(client):
    schedule = ScheduleFactory()
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory(), reason="태풍")

    page = page_of(client, schedule)

    assert '<span lang="ko">태풍</span>' in page
    assert "refunded in full" in page
    assert "<button" not in action_of(page)


def test_a_concert_without_dates_says_so(client):
    concert = ConcertFactory()

    page = client.get(f"/concerts/{concert.pk}/", headers={"Accept-Language": "en"})

    assert "The dates are not announced yet." in action_of(page.content.decode())


# --- Moves ---------------------------------------------------------------------------------------


def move(client, schedule, start_at):
    """As an operator does it. The end and the sale move too."""
    schedule.refresh_from_db()
    later = start_at - schedule.start_at
    client.force_login(StaffFactory(is_superuser=True))
    times = {
        "start_at": start_at,
        "end_at": schedule.end_at + later,
        "reserve_until": schedule.reserve_until + later,
    }
    address = reverse("admin:concerts_concertschedule_change", args=[schedule.pk])
    assert client.post(address, form_of(schedule, **times)).status_code == 302
    schedule.refresh_from_db()
    assert schedule.start_at == start_at


def on_the_minute(schedule):
    """Forms have no parts of a second."""
    start_at = schedule.start_at.replace(second=0, microsecond=0)
    ConcertSchedule.objects.filter(pk=schedule.pk).update(start_at=start_at)
    return start_at


def test_a_performance_that_was_moved_says_from_when(client):
    schedule = ScheduleFactory(seats=2)
    start_at = on_the_minute(schedule)
    held(UserFactory(), schedule, 1)

    move(client, schedule, start_at + WEEK)
    move(client, schedule, start_at + 2 * WEEK)

    assert schedule.moved_from == start_at
    page = page_of(client, schedule)
    assert "This performance was moved." in page
    assert re.search(r"<s>.*before it was moved", page)


def test_a_performance_that_was_moved_back_was_not_moved(client):
    schedule = ScheduleFactory(seats=2)
    start_at = on_the_minute(schedule)
    held(UserFactory(), schedule, 1)

    move(client, schedule, start_at + WEEK)
    move(client, schedule, start_at)

    assert schedule.moved_from is None
    assert "moved" not in page_of(client, schedule)


def test_a_time_that_is_corrected_before_the_first_hold_is_no_move():
    schedule = ScheduleFactory()

    assert moved_from(schedule_id=schedule.pk, start_at=schedule.start_at + WEEK) is None


# --- Hall and refunds ----------------------------------------------------------------------------


def test_the_hall_is_drawn_by_section_in_the_colour_of_its_grade(client):
    schedule = ScheduleFactory(seats=0)
    blocks = [
        Block("1층", 2, 10, "VIP", 90_000),
        Block("2층", 1, 1, "S", 10_000),
    ]
    generate_seats(schedule_id=schedule.pk, blocks=blocks)
    bought(UserFactory(won=10_000), schedule, 21)

    floor, balcony = hall_picture(schedule.pk).blocks
    page = page_of(client, schedule)

    assert (floor.name, floor.grade, floor.available) == ("1층", "VIP", 20)
    assert (balcony.name, balcony.grade, balcony.available) == ("2층", "S", 0)
    assert '<g data-grade="vip">' in page
    assert '<g data-grade="s" class="full">' in page


def test_a_hall_of_one_section_has_no_picture(client):
    schedule = ScheduleFactory()

    assert hall_picture(schedule.pk) is None
    assert 'class="hall"' not in page_of(client, schedule)


def test_the_refunds_are_those_of_the_concert(client):
    schedule = ScheduleFactory(concert__refund_policy="3:0 1:50 0:100")

    page = page_of(client, schedule)

    assert RefundPolicy.parse("3:0 1:50 0:100").periods() == [
        Period(None, 3, 0),
        Period(2, 1, 50),
        Period(0, 0, 100),
    ]
    for words in ["until 3 days before", "2 to 1 days before", "50% of the price"]:
        assert words in page
