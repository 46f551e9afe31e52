"""An overdue hold blocks no buyer, also without beat, and its payment is refused and recorded."""

import pytest
from django.utils import timezone

from accounts.models import BalanceHistory
from concerts.errors import SeatTaken
from concerts.models import Seat
from payments.errors import AlreadyPaid, HoldExpired
from payments.models import Payment, Reservation
from payments.services.checkout import pay_reservations
from payments.services.holds import hold_seats
from payments.services.releases import release_reservation
from tests.factories import ScheduleFactory, UserFactory, admitted, held, overdue

pytestmark = pytest.mark.django_db


def test_without_a_rest_the_next_buyer_takes_an_overdue_seat_at_once():
    schedule = ScheduleFactory(cooldown_seconds=0)
    overdue(*held(UserFactory(), schedule, 1))
    held(UserFactory(), schedule, 1)
    assert set(Reservation.objects.values_list("status", flat=True)) == {"EXPIRED", "HOLD"}


def test_a_hold_of_an_overdue_seat_starts_its_cooldown():
    schedule = ScheduleFactory(cooldown_seconds=30)
    overdue(*held(UserFactory(), schedule, 1))
    buyer = UserFactory()
    admitted(buyer, schedule)

    with pytest.raises(SeatTaken):
        hold_seats(user=buyer, schedule_id=schedule.pk, numbers=[1])

    seat = Seat.objects.get(schedule=schedule, number=1)
    assert seat.status == "AVAILABLE"
    first_cooldown_end = seat.available_from
    with pytest.raises(SeatTaken):
        hold_seats(user=buyer, schedule_id=schedule.pk, numbers=[1])
    assert Seat.objects.get(pk=seat.pk).available_from == first_cooldown_end


def test_releasing_an_overdue_hold_starts_the_cooldown_of_its_seat():
    user, schedule = UserFactory(), ScheduleFactory(cooldown_seconds=30)
    (reservation,) = held(user, schedule, 1)
    overdue(reservation)

    release_reservation(user=user, reservation_id=reservation.pk)

    assert Reservation.objects.get().status == "EXPIRED"
    seat = Seat.objects.get(schedule=schedule, number=1)
    assert seat.status == "AVAILABLE"
    assert seat.available_from > timezone.now()


def test_releasing_twice_does_not_end_the_next_hold_of_the_seat():
    user, schedule = UserFactory(), ScheduleFactory(cooldown_seconds=0)
    (reservation,) = held(user, schedule, 1)
    release_reservation(user=user, reservation_id=reservation.pk)
    (next_hold,) = held(UserFactory(), schedule, 1)
    overdue(next_hold)

    release_reservation(user=user, reservation_id=reservation.pk)

    assert Reservation.objects.get(pk=next_hold.pk).status == "HOLD"


def test_paying_too_late_is_recorded_once_with_its_reason():
    user = UserFactory(won=50_000)
    (reservation,) = held(user, ScheduleFactory(price=10_000))
    overdue(reservation)

    for _ in range(3):
        with pytest.raises(HoldExpired):
            pay_reservations(user=user, reservation_ids=[reservation.pk])

    payment = Payment.objects.get()
    assert (payment.status, payment.reason) == ("FAILED", "hold_expired")
    line = BalanceHistory.objects.get(source=payment.pk)
    assert (line.status, line.reason, line.balance_after) == ("FAILED", "hold_expired", 50_000)


def test_a_cart_with_something_paid_records_no_failure():
    user = UserFactory(won=50_000)
    schedule = ScheduleFactory(price=10_000)
    paid, late = held(user, schedule, 1, 2)
    pay_reservations(user=user, reservation_ids=[paid.pk])
    overdue(late)

    with pytest.raises(AlreadyPaid):
        pay_reservations(user=user, reservation_ids=[paid.pk, late.pk])

    assert not Payment.objects.filter(status="FAILED").exists()
