"""A buyer who gives up their turn gives up the seats that they hold with it."""

import pytest

from concerts.models import SeatStatusHistory
from operations.services.audit import run_checks
from payments.errors import AlreadyCancelled
from payments.models import Reservation
from payments.services.checkout import pay_reservations
from queueing.models import QueueToken
from queueing.services.join_and_leave import leave
from tests.factories import ScheduleFactory, UserFactory, admitted, bought, held, overdue

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    return ScheduleFactory(cooldown_seconds=60)


def give_up(user):
    leave(user=user, token=QueueToken.objects.live().get(user=user).pk)


def status_of(*reservations):
    found = Reservation.objects.in_bulk([each.pk for each in reservations])
    return [found[each.pk].status for each in reservations]


def free_numbers(schedule):
    return set(schedule.seats.free().values_list("number", flat=True))


def test_the_seats_are_free_at_once_and_cannot_be_paid_any_more(schedule):
    buyer = UserFactory(won=100_000)
    holds = held(buyer, schedule, 1, 2)

    give_up(buyer)

    assert status_of(*holds) == ["CANCELLED", "CANCELLED"]
    assert {1, 2} <= free_numbers(schedule)
    last = SeatStatusHistory.objects.latest("pk")
    assert (last.reason, last.changed_by) == ("let_go", buyer)
    held(UserFactory(), schedule, 1)
    with pytest.raises(AlreadyCancelled):
        pay_reservations(user=buyer, reservation_ids=[each.pk for each in holds])
    assert not any(finding.violations for finding in run_checks())


def test_other_buyers_other_rooms_and_paid_seats_are_not_touched(schedule):
    buyer, other = UserFactory(won=100_000), UserFactory()
    bought(buyer, schedule, 1)
    (theirs,) = held(other, schedule, 2)
    (mine,) = held(buyer, schedule, 3)
    elsewhere = ScheduleFactory()
    (apart,) = held(buyer, elsewhere, 1)

    leave(user=buyer, token=admitted(buyer, schedule).pk)

    assert status_of(theirs, mine, apart) == ["HOLD", "CANCELLED", "HOLD"]
    assert buyer.tickets.count() == 1


def test_a_hold_whose_time_is_over_expires_and_its_seat_has_its_cooldown(schedule):
    buyer = UserFactory()
    (late,) = held(buyer, schedule, 1)
    overdue(late)

    give_up(buyer)

    assert status_of(late) == ["EXPIRED"]
    assert 1 not in free_numbers(schedule)


def test_a_turn_that_is_given_up_in_the_browser_frees_the_seats(client, schedule):
    buyer = UserFactory()
    (hold,) = held(buyer, schedule, 1)
    client.force_login(buyer)

    client.post(f"/places/{QueueToken.objects.get(user=buyer).pk}/leave/")

    assert status_of(hold) == ["CANCELLED"]
