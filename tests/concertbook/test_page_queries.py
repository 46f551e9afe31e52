"""The pages of a buyer read the database a few times only, however much there is."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from concertbook.http import page_numbers
from concertbook.http.purchase_hint import NAME
from payments.models import Ticket
from queueing.services import index_build, join_and_leave
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, fill, held

pytestmark = pytest.mark.django_db(transaction=True)

MOST = 4
# The most bytes of the seat page, without the seats of a section that was asked for.
SHELL = 15_000


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=40, purchase_limit=10)


@pytest.fixture
def buyer(client, schedule):
    """A buyer who is inside, holds two seats and has bought two."""
    buyer = UserFactory(won=1_000_000)
    admitted(buyer, schedule)
    bought(buyer, schedule, 1, 2)
    admitted(buyer, schedule)
    held(buyer, schedule, 3, 4)
    client.force_login(buyer)
    return buyer


@pytest.fixture
def queries(client):
    """The statements of a page that was looked at before."""

    def of(address):
        assert client.get(address).status_code == 200
        with CaptureQueriesContext(connection) as seen:
            assert client.get(address).status_code == 200
        return [query["sql"] for query in seen.captured_queries]

    return of


@pytest.mark.parametrize("address", ["/checkout/", "/tickets/", "/reservations/", "/balance/"])
def test_a_page_of_ones_own_asks_the_database_for_the_user_and_the_rows(buyer, queries, address):
    seen = queries(address)

    assert len(seen) == 2, "\n".join(seen)


@pytest.mark.parametrize(
    ("address", "most"),
    [("/checkout/", 2), ("/tickets/", 3), ("/reservations/", 3), ("/balance/", 3), ("seats", MOST)],
)
def test_the_bar_of_a_running_purchase_is_one_statement_at_most(
    client, buyer, schedule, queries, address, most
):
    client.cookies[NAME] = f"{schedule.pk}~payment"

    seen = queries(f"/schedules/{schedule.pk}/seats/" if address == "seats" else address)

    assert len(seen) <= most, "\n".join(seen)


@pytest.mark.parametrize("address", ["/accounts/", "/accounts/data/", "/accounts/delete/"])
def test_a_page_of_the_account_asks_the_database_four_times_at_most(buyer, queries, address):
    seen = queries(address)

    assert len(seen) <= MOST, "\n".join(seen)


def test_a_ticket_asks_the_database_for_the_user_and_the_ticket(buyer, queries):
    seen = queries(f"/tickets/{Ticket.objects.filter(user=buyer).first().pk}/")

    assert len(seen) == 2, "\n".join(seen)


def test_a_reminder_asks_the_database_four_times_at_most(client, queries):
    schedule = ScheduleFactory(reserve_from=timezone.now() + dt.timedelta(days=1))
    client.force_login(UserFactory())

    seen = queries(f"/schedules/{schedule.pk}/reminder/")

    assert len(seen) <= MOST, "\n".join(seen)


@pytest.mark.parametrize("address", ["/tickets/", "/reservations/", "/balance/"])
def test_a_list_of_two_pages_asks_the_database_four_times_at_most(
    client, buyer, queries, address, monkeypatch
):
    monkeypatch.setattr(page_numbers, "ROWS_PER_PAGE", 1)
    seen = queries(address)

    assert len(seen) <= MOST, "\n".join(seen)
    assert 'href="?page=2"' in client.get(address).content.decode()


@pytest.mark.parametrize(
    "address",
    ["/rooms/{room}/", "/visitor/?page=/&language=ko&room={room}"],
    ids=["room", "personal part of a public page"],
)
def test_a_person_in_line_asks_the_database_four_times_at_most(client, queries, address):
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    room = schedule.concert.waiting_room
    admitted(UserFactory(), schedule)
    index_build.build_missing()
    me = UserFactory()
    join_and_leave.join(user=me, slug=room.slug)
    client.force_login(me)

    seen = queries(address.format(room=room.slug))

    assert len(seen) <= MOST, "\n".join(seen)


# The states are a snapshot that all share, and which another request builds.
@pytest.mark.usefixtures("frozen")
def test_the_seat_page_of_a_large_hall_is_small_and_asks_the_database_four_times_at_most(
    client, queries
):
    schedule = ScheduleFactory(seats=0)
    fill(schedule, sections=40, rows=20, seats_per_row=25)
    buyer = UserFactory(won=1_000_000)
    held(buyer, schedule, 3, 4)
    client.force_login(buyer)
    address = f"/schedules/{schedule.pk}/seats/"

    seen = queries(address)

    assert len(seen) <= MOST, "\n".join(seen)
    assert len(client.get(address).content) <= SHELL


def test_the_seat_page_is_small_with_the_longest_names_too(client):
    schedule = ScheduleFactory(seats=0, concert__title="길" * 200, concert__venue="홀" * 200)
    fill(schedule, sections=99, rows=1, seats_per_row=1, name="{:각>15}", grade="급" * 20)
    buyer = UserFactory()
    admitted(buyer, schedule)
    client.force_login(buyer)

    assert len(client.get(f"/schedules/{schedule.pk}/seats/").content) <= SHELL


@pytest.mark.parametrize("seats", [1, 30, 31, 150])
def test_the_seat_page_of_a_small_hall_is_small(client, seats):
    schedule = ScheduleFactory(seats=seats)
    buyer = UserFactory()
    admitted(buyer, schedule)
    client.force_login(buyer)

    assert len(client.get(f"/schedules/{schedule.pk}/seats/").content) <= SHELL
