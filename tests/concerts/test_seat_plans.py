"""Seat plans: an immutable document for each version of a schedule's seats."""

import gzip
import json
import random
from functools import partial
from pathlib import Path

import brotli
import pytest
import yaml
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from jsonschema import Draft202012Validator

from concertbook.db.statements import execute, fetch_row
from concertbook.errors import NotFound
from concerts.models import ConcertSchedule, Seat, SeatPlan
from concerts.services.schedule_rules import delete_schedules
from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_layout import MOST_IN_A_LINE, ROW, SEAT, Box, Name, lay_out
from concerts.services.seat_plan_document import (
    PlannedSeat,
    compose,
    points_of,
    seats_of,
    to_bytes,
)
from concerts.services.seat_plans import plan_index, present_version, saved_plan
from concerts.services.seat_removal import remove_rows
from concerts.services.seat_rows import row_letters, usual_label
from payments.services.releases import release_reservation
from tests.concertbook.test_public_cache import Server
from tests.concurrency.threads import Gate, a_thread_waits_for_a_lock, background, race, until
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
    values = {"label": seat.label, "section": seat.section, "grade": seat.grade, "kind": seat.kind}
    edit_seat(seat_id=seat.pk, details=SeatDetails(**values | {"price": seat.price} | changes))


# --- The document --------------------------------------------------------------------------------


def test_the_document_has_every_seat_by_number(schedule):
    document = document_of(schedule)

    assert list(seats_of(document)) == rows_of(schedule)
    assert document["seats"] == 3 * 8 + 2 * 10 + 2 * 12
    assert document["schedule"] == str(schedule.pk)


def test_a_row_of_seats_is_one_run(schedule):
    assert len(document_of(schedule)["runs"]["row"]) == 3 + 2 + 2


def hall(*blocks):
    """Seats as the generator makes them; a block is section, rows and seats in each row."""
    seats = []
    for section, rows, in_row in blocks:
        for row in map(row_letters, range(rows)):
            for place in range(1, in_row + 1):
                label = usual_label(section, row, place)
                seats.append(PlannedSeat(len(seats) + 1, label, section, row, place, "R", 50_000))
    return seats


LARGE = hall(*((f"{1 + block // 14}층 {block + 1}구역", 20, 25) for block in range(40)))
ORDINARY = hall(("", 4, 12), ("발코니", 2, 7))


def shuffled(seats, seed=1):
    """The same seats with other numbers."""
    numbers = [seat.number for seat in seats]
    random.Random(seed).shuffle(numbers)
    return sorted(seat._replace(number=number) for seat, number in zip(seats, numbers, strict=True))


IRREGULAR = {
    "numbers in no order": shuffled(ORDINARY),
    "numbers with gaps": [seat for seat in ORDINARY if seat.number % 5],
    "one number in ten": [seat._replace(number=seat.number * 10) for seat in ORDINARY],
    "only odd places": [seat for seat in ORDINARY if seat.seat_in_row % 2],
    "places from right to left": [
        seat._replace(seat_in_row=20 - seat.seat_in_row) for seat in ORDINARY
    ],
    "labels of their own": [
        seat._replace(label="" if seat.number == 3 else f"{seat.number}번") for seat in ORDINARY
    ],
    "grades and prices of their own": [
        seat._replace(grade="RS"[seat.number % 2], price=seat.number % 3 + 1) for seat in ORDINARY
    ],
    "sections in turns": [
        seat._replace(section=f"{seat.section}{seat.number % 3}") for seat in ORDINARY
    ],
    "kinds of their own": [
        seat._replace(kind=("standard", "wheelchair", "companion", "restricted")[seat.number % 4])
        for seat in ORDINARY
    ],
    "a seat that is far away": [
        seat._replace(seat_in_row=9_999) if seat.number == 3 else seat for seat in ORDINARY
    ],
    "one seat": ORDINARY[:1],
}


@pytest.mark.parametrize("seats", IRREGULAR.values(), ids=IRREGULAR)
def test_the_document_of_an_irregular_hall_has_every_seat_too(seats):
    document = json.loads(to_bytes(compose("x", seats)))

    assert list(seats_of(document)) == seats
    assert document["seats"] == len(seats)


def test_the_document_names_the_kinds_that_there_are():
    kinds = {2: "restricted", 5: "wheelchair", 6: "companion"}
    document = compose(
        "x", [seat._replace(kind=kinds.get(seat.number, "standard")) for seat in ORDINARY[:12]]
    )

    assert document["kinds"] == ["standard", "restricted", "wheelchair", "companion"]
    assert document["runs"]["kind"] == (0, 1, 0, 2, 3, 0)
    assert document["runs"]["seats"] == (1, 1, 2, 1, 1, 6)


def test_a_document_of_standard_seats_is_the_one_of_before_there_were_kinds():
    document = compose("x", ORDINARY)

    assert (document["version"], document["kinds"]) == ("e81d431035380d75", ["standard"])


def test_a_plan_of_20000_seats_is_small():
    document = compose("x", LARGE)

    assert len(LARGE) == 20_000
    assert len(document["runs"]["row"]) == 800
    assert len(brotli.compress(to_bytes(document), quality=9)) < 10_000


def test_the_openapi_document_describes_the_plan(schedule):
    edited(schedule.seats.get(number=5), label="휠체어석")
    api = yaml.safe_load((Path(settings.BASE_DIR) / "docs/openapi.yaml").read_text())
    schema = {"$ref": "#/components/schemas/SeatPlanDocument", "components": api["components"]}

    Draft202012Validator(schema).validate(document_of(schedule))


def test_the_index_has_the_seats_of_the_document(schedule):
    version = present_version(schedule.pk)
    index = plan_index(schedule.pk, version)

    assert index.version == version
    assert list(index.seats) == rows_of(schedule)
    assert index.numbers == tuple(seat.number for seat in index.seats)
    assert [index.index[number] for number in index.numbers] == list(range(len(index.numbers)))
    assert index.spots[-1] == (68, "2층", "B", 12, "S", "standard")


# --- The layout ----------------------------------------------------------------------------------


def centres(seats):
    return list(points_of(compose("x", seats)))


@pytest.mark.parametrize(
    "seats", [*IRREGULAR.values(), hall(("", 1, 5 * MOST_IN_A_LINE // 2)), LARGE]
)
def test_no_two_seats_are_at_one_place_and_all_are_in_their_section(seats):
    document = compose("x", seats)
    points = list(points_of(document))
    boxes = {each["name"]: each for each in document["sections"]}

    assert len(set(points)) == len(points)
    for seat, (x, y) in zip(seats, points, strict=True):
        box = boxes[seat.section]
        assert box["x"] <= x - SEAT // 2 < x + SEAT // 2 <= box["x"] + box["width"]
        assert box["y"] <= y - ROW // 2 < y + ROW // 2 <= box["y"] + box["height"]


def test_rows_are_centred_on_the_axis_of_the_stage_and_go_back_from_it():
    seats = [seat for seat in hall(("", 2, 5)) if (seat.row, seat.seat_in_row) != ("A", 5)]

    assert centres(seats) == [
        *((-15, 6), (-5, 6), (5, 6), (15, 6)),
        *((-20, 18), (-10, 18), (0, 18), (10, 18), (20, 18)),
    ]


def test_a_gap_in_the_numbers_of_a_row_is_an_aisle():
    names = [Name("", "A", place) for place in (1, 2, 4, 900)]
    odd = [Name("", "A", place) for place in (1, 3, 5)]

    assert [x for x, _y in lay_out(names).points] == [-30, -20, 0, 30]
    assert [x for x, _y in lay_out(odd).points] == [-10, 0, 10]


def test_a_long_row_is_folded():
    layout = lay_out([Name("", "A", place) for place in range(1, 2 * MOST_IN_A_LINE + 2)])

    assert layout.sections[""] == Box(-500, 0, 1_000, 3 * ROW)


def test_sections_of_one_floor_are_side_by_side_and_floors_behind_each_other():
    boxes = lay_out(
        [
            Name(section, row, place)
            for section in ("1층 A", "1층 B", "2층 C")
            for row in "ABCDE"
            for place in range(1, 6)
        ]
    ).sections

    assert boxes["1층 A"].y == boxes["1층 B"].y == 0
    assert boxes["1층 A"].x + boxes["1층 A"].width < boxes["1층 B"].x
    assert boxes["2층 C"].y > boxes["1층 A"].height
    assert boxes["2층 C"].x == -boxes["2층 C"].width / 2


def test_a_hall_of_many_sections_is_about_as_wide_as_it_is_deep():
    box = compose("x", hall(*((f"{block}구역", 20, 25) for block in range(40))))["box"]

    assert 1 < box["width"] / box["height"] < 2


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
    "a kind": lambda seat: edited(seat, kind="wheelchair"),
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


# --- Two at once ---------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_visitors_without_a_present_plan_build_one(schedule):
    versions = race(*[partial(present_version, schedule.pk)] * 8)

    assert len(set(versions)) == 1
    assert schedule.seat_plans.count() == 1


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_change_waits_for_a_plan_that_is_being_built(schedule, change):
    """Otherwise the plan of the seats as they were would become the present one after it."""
    seat = schedule.seats.get(number=5)
    has_read_the_seats = Gate(after="concerts_seatplan")

    built, waited = second_waits(
        partial(present_version, schedule.pk), has_read_the_seats, partial(change, seat)
    )

    assert waited
    assert present(schedule) == ""
    assert present_version(schedule.pk) != built


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_plan_that_is_to_be_built_waits_for_a_change(schedule, change):
    """Also for a change by SQL, which has not locked the schedule before."""
    seat = schedule.seats.get(number=5)

    def change_and_commit():
        with transaction.atomic():
            change(seat)
            execute("SELECT 'changed'")

    _changed, waited = second_waits(
        change_and_commit, Gate(after="'changed'"), partial(present_version, schedule.pk)
    )

    assert waited
    assert list(plan_index(schedule.pk, present(schedule)).seats) == rows_of(schedule)


def second_waits(first, gate, second):
    """Start the second call while the first is at its gate; the first's answer, and whether the
    second had to wait for it."""
    with background(first, gate) as one:
        gate.wait()
        with background(second) as other:
            until(lambda: a_thread_waits_for_a_lock() or other.done())
            waited = not other.done()
            gate.open()
            assert not isinstance(other.result(), Exception)
            return one.result(), waited


# --- The API -------------------------------------------------------------------------------------


@pytest.fixture
def ask(client, schedule):
    """A GET request of the schedule's present plan."""
    address = client.get(f"/api/v1/schedules/{schedule.pk}/seat-plan/").json()["address"]
    return lambda **headers: client.get(address, headers=headers)


def test_the_present_plan_names_its_address(client, schedule):
    answer = client.get(f"/api/v1/schedules/{schedule.pk}/seat-plan/")
    version = present(schedule)

    assert version
    assert answer.json() == {
        "version": version,
        "address": f"/api/v1/schedules/{schedule.pk}/seat-plans/{version}/",
    }
    known = {"if-none-match": answer["ETag"]}
    assert client.get(answer.request["PATH_INFO"], headers=known).status_code == 304


@pytest.mark.parametrize(
    ("accepted", "coding", "decompress"),
    [
        ("gzip, deflate, br, zstd", "br", brotli.decompress),
        ("gzip", "gzip", gzip.decompress),
        ("br;q=0.5, gzip", "gzip", gzip.decompress),
        ("identity", None, bytes),
    ],
)
def test_a_version_is_sent_as_the_client_wants_it(ask, schedule, accepted, coding, decompress):
    answer = ask(accept_encoding=accepted)

    assert answer.get("Content-Encoding") == coding
    assert json.loads(decompress(answer.content)) == document_of(schedule)
    assert answer["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer["Vary"] == "Accept-Encoding"
    assert not answer["ETag"].startswith("W/")
    again = ask(accept_encoding=accepted, if_none_match=answer["ETag"])
    assert (again.status_code, again.content) == (304, b"")
    for name in "ETag", "Cache-Control", "Vary":
        assert again[name] == answer[name]


def test_each_coding_of_a_version_has_its_own_etag(ask):
    etags = {ask(accept_encoding=accepted)["ETag"] for accepted in ("br", "gzip", "")}

    assert len(etags) == 3
    assert ask(accept_encoding="br", if_none_match=ask()["ETag"]).status_code == 200


def test_a_version_is_sent_from_the_process_without_a_query(ask, django_assert_num_queries):
    ask()
    with django_assert_num_queries(0):
        ask()


def test_no_session_is_read_for_a_plan(client, schedule, ask):
    present_version(schedule.pk)
    anonymous = ask()
    client.force_login(UserFactory())
    with CaptureQueriesContext(connection) as queries:
        personal = ask()
        client.get(f"/api/v1/schedules/{schedule.pk}/seat-plan/")

    assert personal.content == anonymous.content
    assert len(queries) == 1
    for answer in anonymous, personal:
        assert not answer.cookies
        assert answer["Vary"] == "Accept-Encoding"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("accepted", "coding"), [("gzip, deflate, br", "br"), ("gzip", "gzip"), ("", "plain")]
)
def test_a_version_is_answered_before_django_with_the_bytes_that_were_saved(
    schedule, accepted, coding
):
    server, version = Server(), present_version(schedule.pk)
    address = f"/api/v1/schedules/{schedule.pk}/seat-plans/{version}/"
    server.get(address)
    asked = len(server.built)
    status, headers, body = server.get(address, Accept_Encoding=accepted)

    assert len(server.built) == asked
    assert (status, body) == (200, getattr(saved_plan(schedule.pk, version), coding))
    assert headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert headers["Vary"] == "Accept-Encoding"
    known = {"Accept_Encoding": accepted, "If_None_Match": headers["ETag"]}
    assert server.get(address, **known)[0] == 304


@pytest.mark.django_db(transaction=True)
def test_a_version_that_is_not_there_yet_is_found_once_it_is(schedule):
    server, version = Server(), present_version(schedule.pk)
    seat = schedule.seats.get(number=5)
    edited(seat, price=1)
    later = compose(str(schedule.pk), rows_of(schedule))["version"]
    address = f"/api/v1/schedules/{schedule.pk}/seat-plans/{later}/"

    assert server.get(address)[0] == 404
    assert present_version(schedule.pk) == later != version
    assert server.get(address)[0] == 200


UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.mark.parametrize(
    "address",
    [
        f"{UNKNOWN}/seat-plan/",
        f"{UNKNOWN}/seat-plans/0123456789abcdef/",
        "{schedule}/seat-plans/0123456789abcdef/",
        "{schedule}/seat-plans/x/",
    ],
)
def test_an_unknown_plan_is_a_problem(client, schedule, address):
    answer = client.get("/api/v1/schedules/" + address.format(schedule=schedule.pk))

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert answer["Content-Type"] == "application/problem+json"


def test_the_plan_of_a_rehearsal_is_public_too(client):
    schedule = ScheduleFactory(
        concert__waiting_room__slug="rehearsal", concert__waiting_room__rehearsal="rehearsal"
    )

    assert client.get(f"/api/v1/schedules/{schedule.pk}/seat-plan/").status_code == 200


# --- Holds pay nothing for it --------------------------------------------------------------------


def test_neither_holds_nor_payments_fire_the_triggers_of_the_plan(schedule):
    present_version(schedule.pk)
    execute("SET LOCAL track_functions = 'pl'")
    buyer = UserFactory(won=1_000_000)
    bought(buyer, schedule, 1, 2)
    (reservation,) = held(buyer, schedule, 3)
    release_reservation(user=buyer, reservation_id=reservation.pk)
    assert calls() == 0

    edited(schedule.seats.get(number=5), price=1)
    assert calls() == 1


def calls():
    (calls,) = fetch_row(
        "SELECT coalesce(sum(calls), 0) FROM pg_stat_xact_user_functions"
        " WHERE funcname = 'concerts_seat_outdates_plan'"
    )
    return calls
