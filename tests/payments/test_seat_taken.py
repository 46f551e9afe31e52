"""이선좌: another buyer was faster. The answer names free seats to try instead."""

import pytest

from concerts.services.nearest_in_snapshot import suggest_from
from concerts.services.nearest_seats import Spot, nearest
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_snapshots import read_snapshot
from payments.models import Reservation
from tests.factories import ScheduleFactory, UserFactory, admitted, held


def row(letter, numbers, section="1F"):
    """Seats of one of the section's rows of ten."""
    return [Spot(number, section, letter, (number - 1) % 10 + 1, "R") for number in numbers]


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


def hall(*blocks):
    """A schedule with these blocks of seats, and a purchase limit of nearly all of them."""
    schedule = ScheduleFactory(seats=0, purchase_limit=100)
    generate_seats(schedule_id=schedule.pk, blocks=blocks)
    return schedule


def rows_of(seats_per_row, *, rows, section="1F", grade="R"):
    return Block(section=section, rows=rows, seats_per_row=seats_per_row, grade=grade, price=10_000)


def leave_only(schedule, *numbers):
    gone = schedule.seats.exclude(number__in=numbers).values_list("number", flat=True)
    held(UserFactory(), schedule, *gone)


def suggested(schedule, numbers):
    snapshot, _changed = read_snapshot(schedule.pk)
    return suggest_from(snapshot, numbers)


@pytest.mark.django_db
def test_a_second_hold_of_ones_own_seat_says_that_it_is_yours(app):
    buyer, other, schedule = UserFactory(), UserFactory(), ScheduleFactory()
    held(buyer, schedule, 1)
    path = f"/api/v1/schedules/{schedule.pk}/reservations/"

    def asked_by(user):
        token = admitted(user, schedule)
        headers = {"Queue-Token": str(token.pk), "Accept-Language": "en"}
        problem = app(user).post(path, {"seats": [1]}, format="json", headers=headers).json()
        return problem["code"], problem["yours"], problem["detail"]

    assert asked_by(buyer) == ("seat_taken", True, "You are holding this seat already.")
    assert asked_by(other)[:2] == ("seat_taken", False)


@pytest.mark.django_db
def test_behind_a_row_that_is_sold_out_the_seat_right_behind_is_the_nearest():
    schedule = hall(rows_of(20, rows=2))
    leave_only(schedule, *range(21, 41))
    assert suggested(schedule, [10]) == [30]


@pytest.mark.django_db
def test_a_seat_keeps_its_place_in_the_row_when_seats_before_it_are_sold():
    schedule = hall(rows_of(20, rows=2))
    leave_only(schedule, 14, 40)
    assert suggested(schedule, [10]) == [14]


@pytest.mark.django_db
def test_a_row_that_is_sold_out_still_lies_between_two_others():
    schedule = hall(rows_of(10, rows=3))
    leave_only(schedule, 6, 21)
    assert suggested(schedule, [1]) == [6]


@pytest.mark.django_db
def test_rows_of_another_section_do_not_lie_between():
    schedule = hall(rows_of(10, rows=1), rows_of(10, rows=3, section="2F"), rows_of(10, rows=1))
    leave_only(schedule, 6, *range(11, 42))
    assert suggested(schedule, [1]) == [41]


@pytest.mark.django_db
def test_each_grade_is_looked_for_around_its_own_seat():
    schedule = hall(rows_of(50, rows=1, grade="VIP"), rows_of(50, rows=40))
    held(UserFactory(), schedule, 10, 1500)
    assert suggested(schedule, [10, 1500]) == [9, 1499]


@pytest.mark.django_db(transaction=True)
def test_a_page_takes_no_more_seats_in_one_request_than_the_api(client):
    schedule = ScheduleFactory(seats=51, purchase_limit=60)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)

    page = f"/schedules/{schedule.pk}/seats/"

    refused = client.post(
        page, {"seats": list(range(1, 52))}, follow=True, headers={"Accept-Language": "en"}
    )

    assert "That is too many seats for one request." in refused.content.decode()
    assert not Reservation.objects.exists()
    client.post(page, {"seats": list(range(1, 51))})
    assert Reservation.objects.count() == 50
