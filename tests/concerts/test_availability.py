"""Seats left by section, grade and price: counted in the snapshot, in the API and on the page."""

import datetime as dt
import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from concerts.models import Seat
from concerts.services import performances
from concerts.services.seat_generation import Block, generate_seats
from payments.services.releases import release_expired_holds
from payments.services.schedule_cancellation import cancel_schedule
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, bought, held, overdue

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("fresh")]


@pytest.fixture
def schedule():
    """Two seats in A, R at 50,000; three in B, two S at 30,000 and one R at 50,000."""
    found = ScheduleFactory(seats=0, cooldown_seconds=0)
    blocks = [
        Block(section="A", rows=1, seats_per_row=2, grade="R", price=50_000),
        Block(section="B", rows=1, seats_per_row=3, grade="S", price=30_000),
    ]
    generate_seats(schedule_id=found.pk, blocks=blocks)
    Seat.objects.filter(schedule=found, number=5).update(grade="R", price=50_000)
    return found


@pytest.fixture
def left(client, schedule):
    """Available seats by section and grade, as the API tells them."""

    def ask():
        found = client.get(f"/api/v1/schedules/{schedule.pk}/availability/").json()
        return {(each["section"], each["grade"]): each["available"] for each in found}

    return ask


def test_the_api_tells_section_grade_price_and_seats(client, schedule):
    held(UserFactory(), schedule, 3)

    found = client.get(f"/api/v1/schedules/{schedule.pk}/availability/").json()

    assert found == [
        {"section": "A", "grade": "R", "price": 50_000, "seats": 2, "available": 2},
        {"section": "B", "grade": "S", "price": 30_000, "seats": 2, "available": 1},
        {"section": "B", "grade": "R", "price": 50_000, "seats": 1, "available": 1},
    ]


def test_a_hold_a_sale_and_what_comes_back_are_counted(schedule, left):
    assert left() == {("A", "R"): 2, ("B", "S"): 2, ("B", "R"): 1}
    bought(UserFactory(won=100_000), schedule, 1)
    holds = held(UserFactory(), schedule, 3, 4)
    assert left() == {("A", "R"): 1, ("B", "S"): 0, ("B", "R"): 1}
    overdue(*holds)
    release_expired_holds()
    assert left() == {("A", "R"): 1, ("B", "S"): 2, ("B", "R"): 1}


def test_a_seat_in_its_cooldown_is_not_left(schedule, left):
    later = timezone.now() + dt.timedelta(minutes=1)
    Seat.objects.filter(schedule=schedule, number=1).update(available_from=later)

    assert left()["A", "R"] == 1


def test_nothing_is_left_of_a_cancelled_performance(schedule, left):
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory())

    assert set(left().values()) == {0}


def test_edited_seats_are_counted_as_they_are(schedule, left):
    assert left()["B", "S"] == 2
    Seat.objects.filter(schedule=schedule, number=3).update(grade="A", price=20_000)

    assert left() == {("A", "R"): 2, ("B", "A"): 1, ("B", "S"): 1, ("B", "R"): 1}


def test_a_performance_without_seats_has_none_left(client):
    schedule = ScheduleFactory(seats=0)

    assert client.get(f"/api/v1/schedules/{schedule.pk}/availability/").json() == []
    (found,) = performances.add_seats([schedule])
    assert (found.seats_available, found.lowest, found.grades) == (0, None, [])


def test_an_unknown_performance_is_not_found(client):
    unknown = "00000000-0000-0000-0000-000000000000"

    assert client.get(f"/api/v1/schedules/{unknown}/availability/").status_code == 404


def test_the_page_shows_each_grade_with_its_price_and_seats_left(client, schedule):
    held(UserFactory(), schedule, 1)

    page = client.get(f"/en/concerts/{schedule.concert_id}/").content.decode()

    assert re.findall(r'<tr><th scope="row">(.*?)</th><td>(.*?)</td><td>(.*?)</td></tr>', page) == [
        ('<span class="grade" data-grade="r">R</span>', "₩50,000", "2 / 3"),
        ('<span class="grade" data-grade="s">S</span>', "₩30,000", "2 / 2"),
    ]


def test_a_request_reads_no_seats_that_have_not_changed(client, schedule):
    address = f"/api/v1/schedules/{schedule.pk}/"
    client.get(address)
    held(UserFactory(), schedule, 2)

    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert client.get(address).json()["seats_available"] == 4

    counting = [each["sql"] for each in asked if "count(" in each["sql"].lower()]
    assert counting == []
