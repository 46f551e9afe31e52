"""The number of seats left, as shown to the people in line."""

import pytest

from concerts.services.stock import tell_rooms_seats_left
from queueing.services import index_build, join_and_leave, polling
from tests.factories import ScheduleFactory, UserFactory, ago, held

pytestmark = pytest.mark.django_db


def seats_left(room):
    user = UserFactory()
    place, _joined = join_and_leave.join(user=user, slug=room.slug)
    return polling.get_position(user=user, token=place.token).seats_left


def test_people_hear_how_many_seats_are_left_in_all_sales_behind_the_room():
    first = ScheduleFactory(seats=10)
    room = first.concert.waiting_room
    ScheduleFactory(seats=5, concert=first.concert)
    ScheduleFactory(seats=7, concert=first.concert, reserve_until=ago(minutes=1))
    index_build.build_missing()
    held(UserFactory(), first, 1, 2)

    tell_rooms_seats_left()

    assert seats_left(room) == 13


def test_a_sold_out_sale_says_so():
    schedule = ScheduleFactory(seats=1)
    index_build.build_missing()
    held(UserFactory(), schedule, 1)

    tell_rooms_seats_left()

    assert seats_left(schedule.concert.waiting_room) == 0


def test_a_room_without_a_count_of_seats_shows_none():
    schedule = ScheduleFactory()
    index_build.build_missing()

    assert seats_left(schedule.concert.waiting_room) is None
