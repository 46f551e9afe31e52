"""이선좌: somebody was faster. The answer names seats that one more call can take."""

import pytest

from concerts.models import Seat
from concerts.services.nearest_seats import nearest
from concerts.services.seating import Block, generate_seats
from tests.factories import ScheduleFactory, UserFactory, admitted, held


def row(letter, numbers, section="1F"):
    return [Seat(number=number, section=section, row=letter, grade="R") for number in numbers]


def test_neighbours_in_the_same_row_come_first():
    free = [*row("A", [1, 2, 7, 8]), *row("B", [14, 15])]
    assert nearest(free, row("A", [5, 6])) == [7, 8]


def test_neighbours_in_the_next_row_come_before_single_seats_nearby():
    free = [*row("A", [3, 7]), *row("B", [14, 15])]
    assert nearest(free, row("A", [4, 5])) == [14, 15]


def test_without_neighbours_the_closest_single_seats_do():
    free = [*row("A", [1, 3, 9])]
    assert nearest(free, row("A", [4, 5])) == [1, 3]


def test_seats_next_to_each_other_by_number_in_two_rows_are_no_neighbours():
    free = [*row("A", [10]), *row("B", [11]), *row("C", [25, 26])]
    assert nearest(free, row("A", [8, 9])) == [25, 26]


def test_too_few_left_gives_what_there_is():
    assert nearest(row("A", [3]), row("A", [1, 2])) == [3]
    assert nearest([], row("A", [1, 2])) == []


@pytest.mark.django_db
def test_the_refusal_names_seats_of_the_same_grade_that_one_call_takes(app):
    schedule = ScheduleFactory(seats=0)
    vip = Block(section="1F", rows=1, seats_per_row=4, grade="VIP", price=20_000)
    generate_seats(schedule_id=schedule.pk, blocks=[vip])
    generate_seats(
        schedule_id=schedule.pk,
        blocks=[Block(section="1F", rows=1, seats_per_row=4, grade="R", price=10_000)],
    )
    held(UserFactory(), schedule, 2)
    late = UserFactory()
    token = admitted(late, schedule)
    client = app(late)
    path = f"/api/v1/schedules/{schedule.pk}/reservations/"
    headers = {"Queue-Token": str(token.pk)}

    refused = client.post(path, {"seats": [1, 2]}, format="json", headers=headers)

    assert (refused.status_code, refused.json()["code"]) == (409, "seat_taken")
    assert refused.json()["nearest"] == [3, 4]
    taken = client.post(path, {"seats": refused.json()["nearest"]}, format="json", headers=headers)
    assert taken.status_code == 201
