"""Choose for me: the best free seats of a grade, side by side, or what is nearest to that."""

import pytest

from concerts.services.best_in_snapshot import Preference, propose
from concerts.services.seat_generation import Block, generate_seats
from concerts.services.seat_snapshots import read_snapshot
from payments.models import Reservation
from payments.services import best_seats as service
from tests.factories import ScheduleFactory, UserFactory, admitted, held

pytestmark = pytest.mark.django_db(transaction=True)

R = ("R", 50_000)
S = ("S", 30_000)
VIP = ("VIP", 90_000)


@pytest.fixture
def schedule():
    """VIP 1 to 5 and R 6 to 15 in two rows, both in front of S 16 to 20."""
    schedule = ScheduleFactory(seats=0)
    blocks = [
        Block(section="1F", rows=1, seats_per_row=5, grade="VIP", price=90_000),
        Block(section="1F", rows=2, seats_per_row=5, grade="R", price=50_000),
        Block(section="1F", rows=1, seats_per_row=5, grade="S", price=30_000),
    ]
    generate_seats(schedule_id=schedule.pk, blocks=blocks)
    return schedule


def proposed(schedule, offer, count, side_by_side=True, **more):
    snapshot, _changed = read_snapshot(schedule.pk)
    found = propose(snapshot, Preference(offer, count, side_by_side), **more)
    return found and (list(found.numbers), found.meets)


def take(schedule, *numbers):
    """Other buyers take these seats."""
    for number in numbers:
        held(UserFactory(), schedule, number)


def test_the_middle_of_the_front_row_is_the_best(schedule):
    assert proposed(schedule, R, 1) == ([8], Preference(R, 1, True))
    assert proposed(schedule, R, 3) == ([7, 8, 9], Preference(R, 3, True))


def test_seats_side_by_side_further_back_come_before_seats_apart(schedule):
    take(schedule, 8)

    assert proposed(schedule, R, 3) == ([12, 13, 14], Preference(R, 3, True))
    assert proposed(schedule, R, 3, side_by_side=False)[0] == [7, 9, 13]


def test_the_same_grade_apart_comes_before_another_grade(schedule):
    take(schedule, 7, 9, 12, 14)

    numbers, meets = proposed(schedule, R, 2)

    assert (numbers, meets) == ([6, 8], Preference(R, 2, False)) or numbers == [8, 13]
    assert not meets.side_by_side


def test_of_other_grades_the_nearest_in_price_is_proposed(schedule):
    take(schedule, *range(6, 16))

    assert proposed(schedule, R, 2)[1] == Preference(S, 2, True)
    assert proposed(schedule, VIP, 2)[1] == Preference(VIP, 2, True)


def test_fewer_seats_are_proposed_where_so_many_are_not_left(schedule):
    take(schedule, *range(2, 21))

    assert proposed(schedule, R, 3) == ([1], Preference(VIP, 1, True))
    take(schedule, 1)
    assert proposed(schedule, R, 3) is None


def test_seats_on_two_sides_of_an_aisle_are_not_side_by_side():
    schedule = ScheduleFactory(seats=0)
    block = Block(section="", rows=1, seats_per_row=4, grade="R", price=50_000)
    generate_seats(schedule_id=schedule.pk, blocks=[block])
    # An aisle between the second and the third seat.
    for number, place in [(4, 14), (3, 13)]:
        schedule.seats.filter(number=number).update(seat_in_row=place, label=f"A-{place}")

    assert proposed(schedule, R, 2)[0] in ([1, 2], [3, 4])
    take(schedule, 1, 4)
    assert proposed(schedule, R, 2) == ([2, 3], Preference(R, 2, False))


def test_what_others_took_since_is_not_proposed(schedule):
    assert proposed(schedule, R, 1, taken={8})[0] == [7]


def ask(client, schedule, offer=R, count=2, **more):
    grade, price = offer
    form = {"best-offer": f"{price} {grade}", "best-count": count, "best-side_by_side": "on"} | more
    english = {"Accept-Language": "en"}
    return client.post(f"/schedules/{schedule.pk}/seats/best/", form, headers=english)


@pytest.fixture
def user(client, schedule):
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    return user


def test_the_best_seats_are_held_by_one_button(client, schedule, user):
    assert ask(client, schedule)["Location"] == "/checkout/"

    numbers = Reservation.objects.filter(user=user).values_list("seat__number", flat=True)
    assert set(numbers) in ({7, 8}, {8, 9})


def test_where_it_cannot_be_met_nothing_is_held_and_the_nearest_is_offered(client, schedule, user):
    take(schedule, *range(6, 16))

    page = ask(client, schedule)

    assert "2 seats (R ₩50,000) are not available" in page.content.decode()
    assert not Reservation.objects.filter(user=user).exists()
    numbers = page.context["proposed"]["numbers"]
    held_ = client.post(f"/schedules/{schedule.pk}/seats/", {"seats": numbers})
    assert held_["Location"] == "/checkout/"


def test_a_faster_buyer_makes_it_try_the_next_best(client, schedule, user, monkeypatch):
    propose_first = service.propose
    rival = UserFactory()
    admitted(rival, schedule)

    def slowly(snapshot, preference, **more):
        proposal = propose_first(snapshot, preference, **more)
        if not more["retries"]:
            held(rival, schedule, *proposal.numbers)
        return proposal

    monkeypatch.setattr(service, "propose", slowly)

    assert ask(client, schedule)["Location"] == "/checkout/"
    assert Reservation.objects.filter(user=user).count() == 2


def test_a_sold_out_hall_is_told(client, schedule, user):
    take(schedule, *range(1, 21))

    assert "There is no free seat right now." in ask(client, schedule).content.decode()


@pytest.mark.parametrize(
    "more",
    [{"best-offer": "1 R"}, {"best-count": 99}, {"best-count": "x"}, {"best-offer": "\x00"}],
)
def test_what_the_form_does_not_offer_holds_nothing(client, schedule, user, more):
    assert ask(client, schedule, **more).status_code == 200
    assert not Reservation.objects.exists()


def test_a_buyer_who_is_not_admitted_is_sent_to_the_room_and_back(client, schedule):
    client.force_login(UserFactory())

    room = schedule.concert.waiting_room.slug
    seats = f"%2Fschedules%2F{schedule.pk}%2Fseats%2F"
    assert ask(client, schedule)["Location"] == f"/rooms/{room}/?next={seats}"
    assert not Reservation.objects.exists()
