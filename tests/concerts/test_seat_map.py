"""The seat map: free seats, changes since a cursor, and the random cooldown of released seats."""

import datetime as dt
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from concerts.models import Seat, SeatStatusHistory
from concerts.services.seat_editing import SeatDetails, edit_seat
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_map import Cursor
from payments.services.releases import release_expired_holds
from payments.services.ticket_cancellation import cancel_ticket
from tests.concurrency.threads import Gate, background
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fresh")]


@pytest.fixture
def look(app):
    def look_as(user, schedule):
        client = app(user)
        admitted(user, schedule)
        path = f"/api/v1/schedules/{schedule.pk}/seats/"
        return lambda rest="", **headers: client.get(path + rest, headers=headers)

    return look_as


def test_only_what_changed_since_the_cursor_is_told(look):
    schedule = ScheduleFactory(seats=5)
    seats = look(UserFactory(), schedule)
    before = seats("changes/").json()
    assert len(before["seats"]) == 5

    held(UserFactory(), schedule, 3)
    after = seats(f"changes/?since={before['cursor']}").json()

    assert {seat["number"]: seat["status"] for seat in after["seats"]}[3] == "HELD"


def prices_since(seats, cursor):
    changed = seats(f"changes/?since={cursor}").json()["seats"]
    return {seat["number"]: seat["price"] for seat in changed}


DEARER = SeatDetails(label="A-2", section="", grade="R", price=20_000)


@pytest.mark.django_db(transaction=True)
def test_a_seat_that_an_operator_edits_is_told_with_its_new_price(look):
    schedule = ScheduleFactory(seats=3, price=10_000)
    seats = look(UserFactory(), schedule)
    cursor = seats("changes/").json()["cursor"]

    edit_seat(seat_id=schedule.seats.get(number=2).pk, details=DEARER)

    assert prices_since(seats, cursor).get(2) == 20_000


@pytest.mark.django_db(transaction=True)
def test_an_edit_that_was_not_committed_yet_at_the_cursor_is_told_after_it(look):
    schedule = ScheduleFactory(seats=3, price=10_000)
    seats = look(UserFactory(), schedule)
    edit = partial(edit_seat, seat_id=schedule.seats.get(number=2).pk, details=DEARER)
    gate = Gate(after='UPDATE "concerts_seat"')
    seats("changes/")

    with background(edit, gate) as edited:
        gate.wait()
        seen = seats("changes/").json()
        gate.open()
        assert edited.result().price == 20_000

    assert seen["seats"][1]["price"] == 10_000
    assert prices_since(seats, seen["cursor"]).get(2) == 20_000


@pytest.mark.django_db(transaction=True)
def test_seats_that_an_operator_adds_are_told(look):
    schedule = ScheduleFactory(seats=3)
    seats = look(UserFactory(), schedule)
    cursor = seats("changes/").json()["cursor"]

    balcony = Block(section="B", rows=1, seats_per_row=2, grade="S", price=5_000)
    generate_seats(schedule_id=schedule.pk, blocks=[balcony])

    added = prices_since(seats, cursor)
    assert (added.get(4), added.get(5)) == (5_000, 5_000)


@pytest.mark.parametrize(
    "cursor",
    ["x", "1", "1.2.3", "-1.2", "1.99999999999999", "9" * 400, "1.2-", "r1.1", "q00000000.1"],
)
def test_an_invalid_cursor_is_a_bad_request(look, cursor):
    refused = look(UserFactory(), ScheduleFactory())(f"changes/?since={cursor}")
    assert (refused.status_code, refused.json()["code"]) == (400, "malformed")


@pytest.mark.parametrize(
    "cursor", ["0.0", "1.2", "1.2-0", "1.2-3-0-1", "999999999999.1", "p00000000.1", "r00000000.1"]
)
def test_an_unknown_cursor_and_one_of_the_former_form_get_every_seat(look, cursor):
    schedule = ScheduleFactory(seats=5)
    answer = look(UserFactory(), schedule)(f"changes/?since={cursor}")
    assert len(answer.json()["seats"]) == 5


def told(seats, cursor):
    """The seats since a cursor, by number and look, and the next cursor."""
    answer = seats(f"changes/?since={cursor}").json()
    return {seat["number"]: seat["status"] for seat in answer["seats"]}, answer["cursor"]


@pytest.mark.django_db(transaction=True)
def test_the_beginning_of_a_cooldown_is_told_once(look):
    schedule = ScheduleFactory(seats=3, cooldown_seconds=3600)
    seats = look(UserFactory(), schedule)
    buyer = UserFactory(won=100_000)
    ticket = bought(buyer, schedule, 1).tickets[0]
    cursor = seats("changes/").json()["cursor"]
    cancel_ticket(user=buyer, ticket_id=ticket.pk)

    polls = []
    for _poll in range(3):
        found, cursor = told(seats, cursor)
        polls.append(found)

    assert polls == [{1: "HELD"}, {}, {}]


@pytest.mark.django_db(transaction=True)
def test_a_change_is_told_once_while_an_older_transaction_is_open(look):
    schedule = ScheduleFactory(seats=3, price=10_000)
    seats = look(UserFactory(), schedule)
    cursor = seats("changes/").json()["cursor"]
    edit = partial(edit_seat, seat_id=schedule.seats.get(number=2).pk, details=DEARER)
    gate = Gate(after='UPDATE "concerts_seat"')

    with background(edit, gate) as edited:
        gate.wait()
        held(UserFactory(), schedule, 3)
        first, cursor = told(seats, cursor)
        second, cursor = told(seats, cursor)
        gate.open()
        edited.result()
    third, cursor = told(seats, cursor)

    assert (first, second) == ({3: "HELD"}, {})
    assert third == {1: "AVAILABLE", 2: "AVAILABLE", 3: "HELD"}, "the plan is another"
    assert told(seats, cursor)[0] == {}


def test_a_cursor_with_too_many_open_transactions_takes_the_later_ones_for_open():
    running = tuple(range(100, 300, 2))
    long = Cursor(oldest=100, at=5, next=400, open=running)

    short = Cursor.parse(str(long))

    assert (short.open, short.next) == (running[:64], running[64])


def test_transactions_of_the_cluster_that_a_dump_was_taken_from_are_no_changes(look):
    schedule = ScheduleFactory(seats=5)
    seats = look(UserFactory(), schedule)
    held(UserFactory(), schedule, 1)
    schedule.seats.update(edit_xid=10**15)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute("UPDATE concerts_seatstatushistory SET xid = 10^15")
        cursor.execute("SET LOCAL session_replication_role = origin")

    cursor = seats("changes/").json()["cursor"]

    assert seats(f"changes/?since={cursor}").json()["seats"] == []


@pytest.mark.django_db(transaction=True)
def test_the_map_has_a_strong_etag_that_changes_with_a_seat(look, fresh):
    schedule = ScheduleFactory(seats=5)
    seats = look(UserFactory(), schedule)
    first = seats()
    assert seats(**{"If-None-Match": first["ETag"]}).status_code == 304

    held(UserFactory(), schedule, 1)

    again = seats(**{"If-None-Match": first["ETag"]})
    assert again.status_code == 200
    assert again["ETag"] != first["ETag"]


def come_back(schedule, how):
    user = UserFactory(won=100_000)
    if how == "expiry":
        overdue(*held(user, schedule, 1))
        assert release_expired_holds() == 1
    else:
        cancel_ticket(user=user, ticket_id=bought(user, schedule, 1).tickets[0].pk)


@pytest.mark.parametrize("how", ["expiry", "cancellation"])
def test_a_released_seat_has_a_cooldown_of_random_length(look, app, how):
    schedule = ScheduleFactory(seats=2, cooldown_seconds=3600)
    buyer = UserFactory()
    seats = look(buyer, schedule)
    come_back(schedule, how)

    seat = Seat.objects.get(schedule=schedule, number=1)
    line = SeatStatusHistory.objects.filter(seat=seat).latest("seq")
    assert line.to_status == "AVAILABLE"
    assert line.changed_at < line.available_from == seat.available_from
    assert seat.available_from < line.changed_at + dt.timedelta(hours=1)
    assert seats().json()["seats"][0]["status"] == "HELD"
    assert app().get(f"/api/v1/schedules/{schedule.pk}/").json()["seats_available"] == 1
    refused = hold(app(buyer), schedule)
    assert refused.json()["code"] == "seat_taken"
    assert refused.json()["nearest"] == [2]


def test_a_seat_is_offered_again_when_its_rest_is_over(look, app):
    schedule = ScheduleFactory(seats=2, cooldown_seconds=3600)
    buyer = UserFactory()
    seats = look(buyer, schedule)
    come_back(schedule, "expiry")
    cursor = seats("changes/").json()["cursor"]
    just_now = timezone.now()
    Seat.objects.filter(number=1).update(available_from=just_now)

    changed = seats(f"changes/?since={cursor}").json()["seats"]

    assert {seat["number"]: seat["status"] for seat in changed}[1] == "AVAILABLE"
    assert hold(app(buyer), schedule).status_code == 201


def test_without_a_rest_a_seat_is_free_at_once(look, app):
    schedule = ScheduleFactory(seats=2, cooldown_seconds=0)
    buyer = UserFactory()
    look(buyer, schedule)
    come_back(schedule, "expiry")
    assert hold(app(buyer), schedule).status_code == 201


def hold(client, schedule):
    token = client.post(f"/api/v1/waiting-rooms/{schedule.concert.waiting_room.slug}/tokens/")
    return client.post(
        f"/api/v1/schedules/{schedule.pk}/reservations/",
        {"seats": [1]},
        format="json",
        headers={"Queue-Token": token.json()["token"]},
    )
