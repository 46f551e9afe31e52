"""Wheelchair, companion and restricted-view seats: who may hold them, and what is offered instead.

A companion seat is held together with a wheelchair seat of the same schedule, or after one.
"""

import pytest
from django.urls import reverse

from concerts.services.best_in_snapshot import Preference, offers_of, propose
from concerts.services.nearest_in_snapshot import suggest_from
from concerts.services.seat_snapshots import read_snapshot
from payments.errors import CompanionNeedsWheelchair, PurchaseLimitExceeded
from payments.models import Reservation
from payments.services.releases import release_reservation
from payments.services.ticket_cancellation import cancel_ticket
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue

pytestmark = pytest.mark.django_db(transaction=True)

KINDS = {3: "wheelchair", 4: "companion", 5: "companion", 6: "wheelchair", 9: "restricted"}


def of_kinds(schedule, kinds):
    for number, kind in kinds.items():
        schedule.seats.filter(number=number).update(kind=kind)


@pytest.fixture
def schedule():
    """Ten seats, of which 3 and 6 are for wheelchairs, 4 and 5 for companions."""
    schedule = ScheduleFactory()
    of_kinds(schedule, KINDS)
    return schedule


@pytest.fixture
def buyer():
    return UserFactory(won=1_000_000)


def numbers_of(buyer):
    live = Reservation.objects.live().filter(user=buyer)
    return sorted(live.values_list("seat__number", flat=True))


# --- A companion goes with a wheelchair ----------------------------------------------------------


@pytest.mark.parametrize("numbers", [[3], [9], [3, 4], [4, 3], [1, 4, 6], [3, 4, 5, 6]])
def test_any_buyer_holds_these_seats(schedule, buyer, numbers):
    held(buyer, schedule, *numbers)

    assert numbers_of(buyer) == sorted(numbers)


@pytest.mark.parametrize("numbers", [[4], [1, 4], [4, 9], [3, 4, 5]])
def test_a_companion_seat_without_a_wheelchair_seat_of_its_own_is_refused(schedule, buyer, numbers):
    with pytest.raises(CompanionNeedsWheelchair):
        held(buyer, schedule, *numbers)

    assert numbers_of(buyer) == []


def test_a_companion_seat_is_held_after_a_wheelchair_seat_that_is_held(schedule, buyer):
    held(buyer, schedule, 3)
    held(buyer, schedule, 5)

    assert numbers_of(buyer) == [3, 5]


def test_a_companion_seat_is_held_after_a_wheelchair_seat_that_is_paid(schedule, buyer):
    bought(buyer, schedule, 3)
    held(buyer, schedule, 4)

    assert numbers_of(buyer) == [3, 4]


def test_a_second_companion_seat_needs_a_second_wheelchair_seat(schedule, buyer):
    held(buyer, schedule, 3, 4)
    with pytest.raises(CompanionNeedsWheelchair):
        held(buyer, schedule, 5)
    held(buyer, schedule, 5, 6)

    assert numbers_of(buyer) == [3, 4, 5, 6]


def test_a_wheelchair_seat_of_another_buyer_or_performance_does_not_count(schedule, buyer):
    another = ScheduleFactory(concert=schedule.concert)
    of_kinds(another, KINDS)
    held(buyer, another, 3)
    held(UserFactory(), schedule, 3)

    with pytest.raises(CompanionNeedsWheelchair):
        held(buyer, schedule, 4)


def test_a_wheelchair_seat_whose_hold_is_over_does_not_count(schedule, buyer):
    overdue(*held(buyer, schedule, 3))

    with pytest.raises(CompanionNeedsWheelchair):
        held(buyer, schedule, 4)


def test_a_wheelchair_seat_is_let_go_and_its_companion_seat_kept(schedule, buyer):
    wheelchair, _companion = held(buyer, schedule, 3, 4)
    release_reservation(user=buyer, reservation_id=wheelchair.pk)
    assert numbers_of(buyer) == [4]

    held(buyer, schedule, 1)
    with pytest.raises(CompanionNeedsWheelchair):
        held(buyer, schedule, 5)
    held(buyer, schedule, 6)

    assert numbers_of(buyer) == [1, 4, 6]


def test_a_wheelchair_ticket_is_cancelled_and_its_companion_ticket_kept(schedule, buyer):
    receipt = bought(buyer, schedule, 3, 4)
    ticket = next(each for each in receipt.tickets if each.seat_number == 3)
    cancel_ticket(user=buyer, ticket_id=ticket.pk)

    assert numbers_of(buyer) == [4]


# --- The refusal ---------------------------------------------------------------------------------


def refusal(app, buyer, schedule, *numbers):
    answer = app(buyer).post(
        f"/api/v1/schedules/{schedule.pk}/reservations/",
        {"seats": numbers},
        format="json",
        headers={"Queue-Token": str(admitted(buyer, schedule).pk), "Accept-Language": "en"},
    )
    return answer.status_code, answer.json()


def test_the_api_names_the_rule(app, schedule, buyer):
    status, problem = refusal(app, buyer, schedule, 4)

    assert (status, problem["code"]) == (409, "companion_needs_wheelchair")
    assert problem["detail"].startswith("A companion seat goes with a wheelchair seat")


def test_a_page_says_it_too(client, schedule, buyer):
    admitted(buyer, schedule)
    client.force_login(buyer)

    answer = client.post(
        f"/schedules/{schedule.pk}/seats/",
        {"seats": [4]},
        follow=True,
        headers={"Accept-Language": "ko"},
    )

    assert "동반석은 휠체어석과 함께" in answer.content.decode()


def test_a_companion_seat_that_is_taken_is_refused_as_taken(app, schedule, buyer):
    held(UserFactory(), schedule, 3, 4)
    status, problem = refusal(app, buyer, schedule, 4)

    assert (status, problem["code"], problem["nearest"]) == (409, "seat_taken", [5])


def test_the_purchase_limit_comes_before_the_rule_of_companions(schedule, buyer):
    with pytest.raises(PurchaseLimitExceeded):
        held(buyer, schedule, 1, 2, 4, 5, 7)


def test_an_overdue_hold_of_the_companion_seat_ends_even_if_the_rule_refuses(schedule, buyer):
    overdue(held(UserFactory(), schedule, 3, 4)[1])
    with pytest.raises(CompanionNeedsWheelchair):
        held(buyer, schedule, 4)

    assert schedule.seats.get(number=4).status == "AVAILABLE"


# --- What is offered instead ---------------------------------------------------------------------


def suggested(schedule, *numbers):
    snapshot, _changed = read_snapshot(schedule.pk)
    return suggest_from(snapshot, numbers)


def test_instead_of_a_standard_seat_no_other_kind_is_offered(schedule):
    held(UserFactory(), schedule, 1, 2, 7, 8)

    assert suggested(schedule, 2) == [10]


@pytest.mark.parametrize(("taken", "offered"), [(3, [6]), (4, [5]), (9, [])])
def test_instead_of_a_seat_of_a_kind_one_of_its_kind_is_offered(schedule, taken, offered):
    held(UserFactory(), schedule, *{taken, 3})

    assert suggested(schedule, taken) == offered


def test_instead_of_a_pair_a_pair_is_offered(schedule):
    held(UserFactory(), schedule, 3, 4)

    assert suggested(schedule, 3, 4) == [5, 6]


def test_choose_for_me_takes_standard_seats_only(schedule):
    snapshot, _changed = read_snapshot(schedule.pk)
    offer = ("R", 10_000)
    assert offers_of(snapshot) == {offer: 5}

    for count, found in ((2, 2), (5, 5), (6, 5)):
        proposal = propose(snapshot, Preference(offer, count, side_by_side=False))
        assert len(proposal.numbers) == found
        assert set(proposal.numbers) <= {1, 2, 7, 8, 10}


# --- What buyers read ----------------------------------------------------------------------------


def read(client, address):
    return client.get(address, headers={"Accept-Language": "ko"}).content.decode()


def test_the_checkout_says_the_kinds_and_that_staff_check(client, schedule, buyer):
    client.force_login(buyer)
    held(buyer, schedule, 1)
    assert "휠체어" not in read(client, "/checkout/")
    held(buyer, schedule, 3, 4)

    page = read(client, "/checkout/")

    assert page.count(">휠체어석<") == page.count(">동반석<") == 1
    assert "직원이 확인합니다" in page
    assert "일반석" not in page


def test_orders_and_tickets_say_the_kind(client, schedule, buyer):
    client.force_login(buyer)
    receipt = bought(buyer, schedule, 1, 3, 9)
    ticket = next(each for each in receipt.tickets if each.seat_number == 3)

    assert "직원이 확인합니다" in read(client, f"/tickets/{ticket.pk}/")
    order = reverse("order", args=[ticket.reservation_id])
    for address in (reverse("ticket_list"), reverse("reservation_list"), order):
        page = read(client, address)
        assert page.count("휠체어석") == page.count("시야제한석") == 1
        assert "일반석" not in page


def test_the_list_of_seats_names_the_kind(client, schedule, buyer):
    admitted(buyer, schedule)
    client.force_login(buyer)

    page = read(client, f"/schedules/{schedule.pk}/seats/?view=list")

    for kind, seats in (("휠체어석", 2), ("동반석", 2), ("시야제한석", 1)):
        assert page.count(f"원, {kind}") == seats
    assert "일반석" not in page
