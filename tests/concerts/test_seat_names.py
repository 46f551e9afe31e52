"""The names of seats: a unique label and a unique place in its row."""

import re
import unicodedata
from functools import partial

import pytest

from concerts.errors import SeatLabelTaken, SeatPlaceTaken
from concerts.models import ConcertSchedule, Seat
from concerts.names import clean_name
from concerts.services.schedule_rules import delete_schedules
from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_rows import row_index
from tests.concerts.test_admin_programme import operator, page  # noqa: F401
from tests.concurrency.test_every_lock import while_locked
from tests.concurrency.threads import Meeting, race
from tests.factories import ScheduleFactory, UserFactory, admitted

pytestmark = pytest.mark.django_db


def add(schedule, section="Box", rows=1, seats_per_row=1):
    block = Block(section=section, rows=rows, seats_per_row=seats_per_row, grade="R", price=1_000)
    return generate_seats(schedule_id=schedule.pk, blocks=[block])


def details(label, section="Box", grade="R", price=1_000):
    return SeatDetails(label=label, section=section, grade=grade, price=price)


def edit(schedule, number, label, section="Box", **changes):
    seat = schedule.seats.get(number=number)
    return edit_seat(seat_id=seat.pk, details=details(label, section, **changes))


def labels(schedule):
    return list(schedule.seats.order_by("number").values_list("label", flat=True))


@pytest.fixture
def schedule():
    """Box A-1, B-1 and C-1, numbered from 1 to 3."""
    made = ScheduleFactory(seats=0)
    add(made, rows=3)
    return made


def test_the_generator_goes_on_after_the_highest_row_of_the_section(schedule):
    edit(schedule, 1, "Suite A-1", "Suite")

    add(schedule)

    assert labels(schedule) == ["Suite A-1", "Box B-1", "Box C-1", "Box D-1"]


def test_the_generator_leaves_out_a_row_whose_label_another_seat_was_given(schedule):
    edit(schedule, 1, "Box D-2")

    add(schedule, seats_per_row=2)

    assert labels(schedule)[3:] == ["Box E-1", "Box E-2"]


@pytest.mark.parametrize("section", ["box", "BOX", "Ｂｏｘ", " Box  ", "Bo\u200bx"])
def test_a_section_that_looks_the_same_is_the_same_to_the_generator(schedule, section):
    add(schedule, section)

    assert schedule.seats.get(number=4).row == "D"


def test_a_seat_knows_its_number_in_its_row():
    schedule = ScheduleFactory(seats=0)
    add(schedule, rows=2, seats_per_row=3)

    in_rows = schedule.seats.order_by("number").values_list("row", "seat_in_row")
    assert list(in_rows) == [("A", 1), ("A", 2), ("A", 3), ("B", 1), ("B", 2), ("B", 3)]


@pytest.mark.parametrize(
    "label",
    [
        "Box A-1",
        "box a-1",
        "  Box   A-1 ",
        "Ｂｏｘ Ａ－１",
        "Box A\u20131",
        "Box\u00a0A-1",
        "Box A-1\u200b",
        "Box A-1\u3164",
    ],
)
def test_a_label_that_another_seat_has_or_seems_to_have_is_refused(schedule, label):
    with pytest.raises(SeatLabelTaken):
        edit(schedule, 2, label)

    assert labels(schedule) == ["Box A-1", "Box B-1", "Box C-1"]


def test_a_label_is_the_same_however_its_letters_are_composed(schedule):
    composed = "특별석 1"
    edit(schedule, 1, unicodedata.normalize("NFD", composed))

    assert labels(schedule)[0] == composed
    with pytest.raises(SeatLabelTaken):
        edit(schedule, 2, composed)


def test_a_seat_keeps_its_own_label_when_its_price_changes(schedule):
    assert edit(schedule, 1, "Box A-1", price=500).price == 500


def test_one_label_in_two_schedules_is_fine(schedule):
    other = ScheduleFactory(seats=0)
    add(other)
    assert labels(other) == ["Box A-1"]


def test_a_seat_does_not_move_to_a_section_where_its_place_is_taken(schedule):
    add(schedule, "Suite")

    with pytest.raises(SeatPlaceTaken):
        edit(schedule, 1, "Corner", "suite")


def test_a_label_with_another_number_changes_the_number_on_the_map():
    schedule = ScheduleFactory(seats=0)
    add(schedule, seats_per_row=2)

    assert edit(schedule, 2, "Box A-12").seat_in_row == 12
    with pytest.raises(SeatPlaceTaken):
        edit(schedule, 2, "Loge A-1")


def test_a_label_in_other_words_leaves_the_number_on_the_map():
    schedule = ScheduleFactory(seats=0)
    add(schedule, seats_per_row=2)

    assert edit(schedule, 2, "Box AA-7").seat_in_row == 2


FORM = {"label": "Box B-1", "section": "Box", "grade": "R", "price": 1_000}


def test_the_form_says_at_the_label_that_another_seat_has_it(schedule, operator):  # noqa: F811
    seat = schedule.seats.get(number=1)

    answer = operator.post(page("change", seat, "seat"), FORM)

    assert answer.status_code == 200
    assert list(answer.context["adminform"].form.errors) == ["label"]
    assert labels(schedule)[0] == "Box A-1"


def test_the_form_says_at_the_section_that_the_place_is_taken(schedule, operator):  # noqa: F811
    add(schedule, "Suite")
    seat = schedule.seats.get(number=1)

    answer = operator.post(
        page("change", seat, "seat"), FORM | {"label": "Corner", "section": "Suite"}
    )

    assert list(answer.context["adminform"].form.errors) == ["section"]


@pytest.mark.parametrize("nothing", ["", "  ", "\u200b"])
def test_a_label_of_nothing_is_refused_at_the_form(schedule, operator, nothing):  # noqa: F811
    seat = schedule.seats.get(number=1)

    answer = operator.post(page("change", seat, "seat"), FORM | {"label": nothing})

    assert list(answer.context["adminform"].form.errors) == ["label"]


def test_a_label_typed_in_single_letters_may_be_as_long_as_a_composed_one(
    schedule,
    operator,  # noqa: F811
):
    seat, longest = schedule.seats.get(number=1), "각" * 20
    typed = unicodedata.normalize("NFD", longest)

    answer = operator.post(page("change", seat, "seat"), FORM | {"label": typed})

    assert answer.status_code == 302
    assert labels(schedule)[0] == longest


def test_a_name_is_cleaned_before_it_is_stored():
    assert clean_name("\u200b  Box\u3000A \u2013\t1\x00 ") == "Box A - 1"


@pytest.mark.parametrize(
    ("row", "index"), [("A", 0), ("Z", 25), ("AA", 26), ("b", 1), ("", -1), ("1", -1), ("가", -1)]
)
def test_a_rows_letters_are_counted(row, index):
    assert row_index(row) == index


# --- Concurrent ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_of_two_operators_who_give_one_label_one_is_refused(schedule):
    seats = list(schedule.seats.order_by("number"))
    give = [partial(edit_seat, seat_id=seat.pk, details=details("Loge")) for seat in seats[:2]]

    results = race(*give, meeting=Meeting("normalize("))

    assert sorted(type(result).__name__ for result in results) == ["Seat", "SeatLabelTaken"]


@pytest.mark.django_db(transaction=True)
def test_a_label_that_the_generator_is_just_writing_is_refused(schedule):
    seat = schedule.seats.get(number=1)

    added, refusal, waited = while_locked(
        "concerts_concertschedule",
        partial(add, schedule),
        partial(edit_seat, seat_id=seat.pk, details=details("Box D-1")),
    )

    assert (added, type(refusal), waited) == (1, SeatLabelTaken, True)


@pytest.mark.django_db(transaction=True)
def test_a_schedule_is_deleted_with_the_seats_that_are_just_being_added(schedule):
    added, deleted, waited = while_locked(
        "concerts_concertschedule",
        partial(add, schedule),
        partial(delete_schedules, ConcertSchedule.objects.filter(pk=schedule.pk)),
    )

    assert (added, deleted, waited) == (1, None, True)
    assert not Seat.objects.exists()


# --- The map -------------------------------------------------------------------------------------


def drawn(client, schedule):
    """The rows of the page in its order, (name, number drawn) of each seat; and the page."""
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    html = client.get(f"/schedules/{schedule.pk}/seats/").content.decode()
    rows = re.findall(r'<div role="group" aria-label="[^"]*"><b .*', html)
    seat = re.compile(r'aria-label="([^",]*)[^"]*"><span aria-hidden="true">(\d+)</span>')
    return [seat.findall(row) for row in rows], html


@pytest.mark.parametrize(
    "changes", [{"price": 500}, {"grade": "VIP"}, {"section": "Box", "price": 9}], ids=str
)
def test_the_map_draws_the_seats_own_number_in_one_row(client, changes):
    schedule = ScheduleFactory(seats=0)
    add(schedule, seats_per_row=10)
    edit(schedule, 5, "Box A-5", **changes)

    rows, html = drawn(client, schedule)

    assert rows == [[(f"Box A열 {n}번", str(n)) for n in range(1, 11)]]
    grade, price = changes.get("grade", "R"), changes.get("price", 1_000)
    assert f'aria-label="Box A열 5번, {grade}석 {price:,}원"' in html


def test_a_seat_that_moved_to_another_section_keeps_its_number_there(client):
    schedule = ScheduleFactory(seats=0)
    add(schedule, seats_per_row=3)
    edit(schedule, 2, "Suite A-2", "Suite")

    rows, _html = drawn(client, schedule)

    assert rows == [[("Box A열 1번", "1"), ("Box A열 3번", "3")], [("Suite A열 2번", "2")]]


def test_rows_that_were_added_later_stand_with_their_section(client):
    schedule = ScheduleFactory(seats=0)
    for section in ("Box", "Suite", "Box"):
        add(schedule, section)

    rows, _html = drawn(client, schedule)

    names = [name for ((name, _number),) in rows]
    assert names == ["Box A열 1번", "Box B열 1번", "Suite A열 1번"]


def test_the_api_tells_the_number_in_the_row(app, schedule):
    user = UserFactory()
    admitted(user, schedule)

    seats = app(user).get(f"/api/v1/schedules/{schedule.pk}/seats/").json()["seats"]

    assert [seat["seat_in_row"] for seat in seats] == [1, 1, 1]
