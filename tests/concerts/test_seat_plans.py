"""Seat plans: an immutable document for each version of a schedule's seats."""

import json

import pytest
from django.db.models import F

from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, SeatPlan
from concerts.services.schedule_rules import delete_schedules
from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_plan_document import PlannedSeat, seats_of
from concerts.services.seat_plans import plan_index, present_version, saved_plan
from concerts.services.seat_removal import remove_rows
from tests.factories import ScheduleFactory, UserFactory, bought, held

pytestmark = pytest.mark.django_db

BLOCKS = [
    Block(section="1층 중앙", rows=3, seats_per_row=8, grade="VIP", price=165_000),
    Block(section="1층 좌우", rows=2, seats_per_row=10, grade="R", price=132_000),
    Block(section="2층", rows=2, seats_per_row=12, grade="S", price=99_000),
]


@pytest.fixture
def schedule():
    schedule = ScheduleFactory(seats=0)
    generate_seats(schedule_id=schedule.pk, blocks=BLOCKS)
    return schedule


def rows_of(schedule):
    """The seats as they are in the table, by number."""
    seats = Seat.objects.filter(schedule=schedule).order_by("number")
    return [PlannedSeat(*row) for row in seats.values_list(*PlannedSeat._fields)]


def document_of(schedule):
    return json.loads(saved_plan(schedule.pk, present_version(schedule.pk)).plain)


def present(schedule):
    return ConcertSchedule.objects.get(pk=schedule.pk).seat_plan


def edited(seat, **changes):
    values = {"label": seat.label, "section": seat.section, "grade": seat.grade}
    edit_seat(seat_id=seat.pk, details=SeatDetails(**values | {"price": seat.price} | changes))


# --- The document --------------------------------------------------------------------------------


def test_the_document_has_every_seat_by_number(schedule):
    document = document_of(schedule)

    assert list(seats_of(document)) == rows_of(schedule)
    assert document["seats"] == 3 * 8 + 2 * 10 + 2 * 12
    assert document["schedule"] == str(schedule.pk)


def test_a_row_of_seats_is_one_run(schedule):
    assert len(document_of(schedule)["runs"]["row"]) == 3 + 2 + 2


def test_the_index_has_the_seats_of_the_document(schedule):
    version = present_version(schedule.pk)
    index = plan_index(schedule.pk, version)

    assert index.version == version
    assert list(index.seats) == rows_of(schedule)
    assert index.numbers == tuple(seat.number for seat in index.seats)
    assert [index.index[number] for number in index.numbers] == list(range(len(index.numbers)))
    assert index.spots[-1] == (68, "2층", "B", 12, "S")


# --- Versions ------------------------------------------------------------------------------------


def test_a_plan_stays_the_present_one_while_seats_are_only_held_and_sold(schedule):
    version = present_version(schedule.pk)
    held(UserFactory(), schedule, 1, 2)
    bought(UserFactory(won=1_000_000), schedule, 3)

    assert present(schedule) == version


CHANGES = {
    "a section": lambda seat: edited(seat, section="3층"),
    "a label": lambda seat: edited(seat, label="휠체어석"),
    "a grade": lambda seat: edited(seat, grade="A"),
    "a price": lambda seat: edited(seat, price=1),
    "a row": lambda seat: Seat.objects.filter(pk=seat.pk).update(row="Z"),
    "a number": lambda seat: Seat.objects.filter(pk=seat.pk).update(number=F("number") + 1_000),
    "a number in its row": lambda seat: Seat.objects.filter(pk=seat.pk).update(seat_in_row=99),
    "new seats": lambda seat: generate_seats(schedule_id=seat.schedule_id, blocks=BLOCKS[:1]),
    "a removed row": lambda seat: remove_rows(
        schedule_id=seat.schedule_id, rows=[(seat.section, seat.row)]
    ),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_seats_have_a_new_version_and_the_old_one_stays(schedule, change):
    before, seats = present_version(schedule.pk), rows_of(schedule)
    change(schedule.seats.get(number=5))

    assert present(schedule) == ""
    after = present_version(schedule.pk)
    assert after != before
    assert list(plan_index(schedule.pk, after).seats) == rows_of(schedule)
    assert list(plan_index(schedule.pk, before).seats) == seats


def test_seats_that_are_edited_back_have_their_former_version(schedule):
    before = present_version(schedule.pk)
    seat = schedule.seats.get(number=5)
    edited(seat, price=1)
    present_version(schedule.pk)
    edited(seat)

    assert present_version(schedule.pk) == before
    assert schedule.seat_plans.count() == 2


def test_a_change_of_seats_leaves_the_plans_of_other_schedules(schedule):
    other = ScheduleFactory()
    version = present_version(other.pk)
    edited(schedule.seats.get(number=5), price=1)

    assert present(other) == version


def test_the_plans_of_a_schedule_are_deleted_with_it(schedule):
    present_version(schedule.pk)
    delete_schedules(ConcertSchedule.objects.filter(pk=schedule.pk))

    assert not SeatPlan.objects.exists()


def test_an_unknown_schedule_or_version_is_not_found(schedule):
    unknown = UserFactory().pk
    for ask in (
        lambda: present_version(unknown),
        lambda: saved_plan(schedule.pk, "0" * 16),
        lambda: plan_index(unknown, present_version(schedule.pk)),
    ):
        with pytest.raises(NotFound):
            ask()


def test_a_schedule_without_seats_has_an_empty_plan():
    schedule = ScheduleFactory(seats=0)
    document = document_of(schedule)

    assert (document["seats"], list(seats_of(document))) == (0, [])
