"""What can be bought now is the same on the list, the concert's page, in the API and its filter."""

import datetime as dt
import re

import pytest
from django.utils import timezone

from concerts.models import Concert, Seat
from concerts.services.performances import add_seats, find_performances
from concerts.services.programme import find_concerts, get_concert
from concerts.services.seat_generation import Block, generate_seats
from payments.services.schedule_cancellation import cancel_schedule
from queueing.models import WaitingRoom
from tests.factories import (
    ConcertFactory,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    ago,
    ahead,
    bought,
    held,
)

pytestmark = pytest.mark.django_db(transaction=True)

WORDS = {
    "open": "On sale",
    "busy": "No seat is free just now",
    "upcoming": "Opening soon",
    "unannounced": "Not on sale yet",
    "draining": "The line takes no more buyers",
    "closed": "The line is closed",
    "sold_out": "Sold out",
    "over": "Sale over",
    "cancelled": "Performance cancelled",
}


def cancel(schedule):
    cancel_schedule(schedule_id=schedule.pk, by=StaffFactory(), reason="Storm")


def in_cooldown(schedule):
    Seat.objects.filter(schedule=schedule).update(
        available_from=timezone.now() + dt.timedelta(minutes=1)
    )
    return schedule


def sold_out(**more):
    schedule = ScheduleFactory(seats=1, **more)
    bought(UserFactory(won=10_000), schedule, 1)
    return schedule


def all_held():
    schedule = ScheduleFactory(seats=1)
    held(UserFactory(), schedule, 1)
    return schedule


def in_room(state, **more):
    return ScheduleFactory(concert__waiting_room__state=state, **more)


def cancelled():
    schedule = ScheduleFactory()
    cancel(schedule)
    return schedule


def closed_after_it_sold_out():
    schedule = sold_out()
    WaitingRoom.objects.update(state="CLOSED")
    return schedule


SALES = {
    "free seats": (ScheduleFactory, "open"),
    "the line stands still": (lambda: in_room("PAUSED"), "open"),
    "the room should have opened by now": (
        lambda: in_room("SCHEDULED", concert__waiting_room__opens_at=ago(seconds=1)),
        "open",
    ),
    "every seat is held": (all_held, "busy"),
    "every seat is in its cooldown": (lambda: in_cooldown(ScheduleFactory(seats=2)), "busy"),
    "the sale opens later": (lambda: ScheduleFactory(reserve_from=ahead(hours=1)), "upcoming"),
    "the room opens later": (
        lambda: in_room("SCHEDULED", concert__waiting_room__opens_at=ahead(hours=1)),
        "upcoming",
    ),
    "no seats yet": (lambda: ScheduleFactory(seats=0), "unannounced"),
    "the room drains": (lambda: in_room("DRAINING"), "draining"),
    "the room is closed": (lambda: in_room("CLOSED"), "closed"),
    "every seat is sold": (sold_out, "sold_out"),
    "every seat is sold and the room is closed": (closed_after_it_sold_out, "sold_out"),
    "the sale is over": (lambda: ScheduleFactory(reserve_until=ago(seconds=1)), "over"),
    "it was cancelled": (cancelled, "cancelled"),
}


@pytest.mark.parametrize(("make", "sale"), SALES.values(), ids=SALES)
def test_list_page_api_and_filter_say_the_same_of_a_sale(client, make, sale):
    schedule = make()
    concert = f"/concerts/{schedule.concert_id}/"
    api = "/api/v1/concerts/"

    (listed,) = client.get(api).json()["results"]
    assert listed["sale"] == sale
    assert client.get(f"/api/v1{concert}").json() == listed
    assert client.get(f"/api/v1{concert}schedules/").json()["results"][0]["sale"] == sale
    assert client.get(f"/api/v1/schedules/{schedule.pk}/").json()["sale"] == sale

    on_sale = sale == "open"
    assert len(client.get(api, {"on_sale": "true"}).json()["results"]) == on_sale
    assert len(client.get("/", {"on_sale": "on"}).context["page"]) == on_sale
    assert words_of_the_poster(client).startswith(WORDS[sale])
    page = english(client, concert)
    before = sale == "upcoming" and schedule.concert.waiting_room.state == "SCHEDULED"
    assert ("Join the line" in page) == (before or sale in {"open", "busy"})


def english(client, address):
    return client.get(address, headers={"Accept-Language": "en"}).content.decode()


def words_of_the_poster(client):
    return re.search(r'class="state[^>]*>([^<]*)<', english(client, "/"))[1]


def test_the_list_says_that_a_performance_to_come_was_moved(client):
    schedule = ScheduleFactory()
    assert "New date" not in english(client, "/")

    schedule.moved_from = schedule.start_at - dt.timedelta(days=1)
    schedule.save()
    assert "New date" in english(client, "/")

    cancel(schedule)
    assert "New date" not in english(client, "/")


@pytest.mark.parametrize(
    ("one", "other", "sale"),
    [
        (ScheduleFactory, sold_out, "open"),
        (sold_out, ScheduleFactory, "open"),
        (cancelled, ScheduleFactory, "open"),
        (cancelled, sold_out, "sold_out"),
        (sold_out, all_held, "busy"),
        (sold_out, lambda: ScheduleFactory(reserve_from=ahead(hours=1)), "upcoming"),
        (lambda: ScheduleFactory(reserve_until=ago(hours=1)), sold_out, "sold_out"),
        (lambda: ScheduleFactory(reserve_until=ago(hours=1)), cancelled, "over"),
        (cancelled, cancelled, "cancelled"),
    ],
)
def test_a_run_has_the_best_state_of_its_performances(one, other, sale):
    first, second = one(), other()
    type(second).objects.filter(pk=second.pk).update(concert=first.concert)

    assert get_concert(first.concert_id).sale == sale


def test_a_concert_without_performances_is_not_on_sale_yet(client):
    ConcertFactory()

    assert words_of_the_poster(client) == "Not on sale yet"
    assert not client.get("/api/v1/concerts/?on_sale=true").json()["results"]


def test_the_lowest_price_is_that_of_a_seat_that_can_be_bought(client):
    schedule = ScheduleFactory(seats=1, price=10_000)
    dearer = Block(section="B", rows=1, seats_per_row=1, grade="S", price=25_000)
    generate_seats(schedule_id=schedule.pk, blocks=[dearer])
    assert get_concert(schedule.concert_id).from_price == 10_000

    bought(UserFactory(won=10_000), schedule, 1)

    assert get_concert(schedule.concert_id).from_price == 25_000
    assert client.get("/api/v1/concerts/").json()["results"][0]["from_price"] == 25_000
    assert "from ₩25,000" in english(client, "/")
    assert "<dt>Price</dt><dd>₩25,000</dd>" in english(client, f"/concerts/{schedule.concert_id}/")


def test_cheaper_seats_of_a_cancelled_or_later_performance_are_no_lowest_price():
    schedule = ScheduleFactory(price=30_000)
    more = {"concert": schedule.concert}
    cancel(ScheduleFactory(price=10_000, **more))
    ScheduleFactory(price=20_000, reserve_from=ahead(hours=1), **more)
    ScheduleFactory(price=5_000, reserve_until=ago(hours=1), **more)

    assert get_concert(schedule.concert_id).from_price == 30_000


def test_before_the_sale_the_lowest_price_is_that_of_the_seats_to_come():
    schedule = ScheduleFactory(price=30_000, reserve_from=ahead(hours=1))

    assert get_concert(schedule.concert_id).from_price == 30_000


@pytest.mark.parametrize("make", [sold_out, all_held, cancelled])
def test_where_nothing_can_be_bought_no_lowest_price_is_named(client, make):
    schedule = make()

    assert get_concert(schedule.concert_id).from_price is None
    assert "from ₩" not in english(client, "/")


def test_a_sold_out_performance_still_tells_its_prices():
    schedule = sold_out()

    (performance,) = add_seats(find_performances(schedule.concert))

    assert (performance.lowest, performance.highest) == (10_000, 10_000)


def test_the_next_sale_is_the_soonest_and_not_before_the_room_opens():
    room_opens, sale_opens = (timezone.now() + dt.timedelta(hours=hours) for hours in (2, 3))
    first = in_room("SCHEDULED", concert__waiting_room__opens_at=room_opens)
    ScheduleFactory(concert=first.concert, reserve_from=sale_opens)

    assert get_concert(first.concert_id).next_sale == room_opens

    cancel(first)
    assert get_concert(first.concert_id).next_sale == sale_opens


def run(concert):
    found = get_concert(concert.pk)
    return found.run_starts, found.run_ends


def test_the_dates_of_a_run_are_those_of_its_performances(client):
    concert = ConcertFactory()
    assert run(concert) == (concert.start_time, concert.end_time)

    days = [timezone.now() + dt.timedelta(days=n) for n in (40, 41, 42)]
    hours = dt.timedelta(hours=2)
    nights = [ScheduleFactory(concert=concert, start_at=day, end_at=day + hours) for day in days]
    assert run(concert) == (days[0], days[2] + hours)

    cancel(nights[0])
    cancel(nights[2])
    assert run(concert) == (days[1], days[1] + hours)
    (listed,) = client.get("/api/v1/concerts/").json()["results"]
    assert dt.datetime.fromisoformat(listed["start_time"]) == days[1]
    assert dt.datetime.fromisoformat(listed["end_time"]) == days[1] + hours

    cancel(nights[1])
    assert run(concert) == (days[0], days[2] + hours)


def test_a_performance_that_was_moved_shows_its_new_date_everywhere(client):
    start = dt.datetime(2031, 5, 1, 10, 0, tzinfo=dt.UTC)
    schedule = ScheduleFactory()
    type(schedule).objects.update(start_at=start, end_at=start + dt.timedelta(hours=2))

    for address in ["/", f"/concerts/{schedule.concert_id}/"]:
        assert "Thu 1 May 2031" in english(client, address)
    assert (
        client.get("/api/v1/concerts/").json()["results"][0]["start_time"].startswith("2031-05-01")
    )


def test_a_concert_is_listed_until_its_last_performance_is_over():
    concert = ConcertFactory(start_time=ago(days=3), end_time=ago(days=2))
    put_off = ScheduleFactory(concert=concert)
    assert list(find_concerts()) == [concert]

    type(put_off).objects.update(
        reserve_until=timezone.now() - dt.timedelta(minutes=30),
        start_at=timezone.now() - dt.timedelta(hours=4),
        end_at=timezone.now() - dt.timedelta(seconds=1),
    )
    Concert.objects.update(end_time=timezone.now() + dt.timedelta(days=9))

    assert list(find_concerts()) == []


def test_pages_of_the_list_follow_the_dates_of_the_performances(client):
    late, soon = ConcertFactory(start_time=ahead(days=1)), ConcertFactory(start_time=ahead(days=2))
    ScheduleFactory(concert=late, start_at=ahead(days=60), end_at=ahead(days=61))
    ScheduleFactory(concert=soon)

    first = client.get("/api/v1/concerts/", {"page_size": 1}).json()
    second = client.get(first["next"]).json()

    ids = [page["results"][0]["id"] for page in (first, second)]
    assert ids == [str(soon.pk), str(late.pk)]
    assert second["next"] is None
