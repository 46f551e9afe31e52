"""Limits on blocking seats: one extension of a hold, and a cap on released holds."""

import datetime as dt

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from concerts.models import Seat, SeatStatusHistory
from payments.errors import GivenUpTooOften, HoldExpired
from payments.models import Reservation
from payments.services.checkout import begin_payment, pay_reservations
from payments.services.holds import hold_seats
from payments.services.releases import release_reservation
from queueing.models import QueueToken
from tests.factories import ScheduleFactory, UserFactory, admitted, held, overdue

pytestmark = pytest.mark.django_db


def test_beginning_to_pay_extends_a_hold_by_two_minutes_once():
    user = UserFactory()
    (reservation,) = held(user, ScheduleFactory())

    ends = begin_payment(user=user, reservation_ids=[reservation.pk])
    again = begin_payment(user=user, reservation_ids=[reservation.pk])

    assert ends == again == reservation.expires_at + dt.timedelta(seconds=120)
    assert Seat.objects.get(pk=reservation.seat_id).hold_expires_at == ends
    assert QueueToken.objects.get(user=user).expires_at >= ends


def test_a_seat_added_later_does_not_extend_the_earlier_one():
    user = UserFactory()
    schedule = ScheduleFactory()
    (first,) = held(user, schedule, 1)
    ends = begin_payment(user=user, reservation_ids=[first.pk])
    (second,) = held(user, schedule, 2)

    begin_payment(user=user, reservation_ids=[first.pk, second.pk])

    assert Reservation.objects.get(pk=first.pk).expires_at == ends


def test_beginning_to_pay_costs_as_many_statements_for_many_seats_as_for_one():
    schedule = ScheduleFactory(purchase_limit=8)
    counts = []
    for numbers in ((1,), (2, 3, 4, 5)):
        user = UserFactory()
        holds = held(user, schedule, *numbers)
        with CaptureQueriesContext(connection) as queries:
            begin_payment(user=user, reservation_ids=[hold.pk for hold in holds])
        counts.append(len(queries))
        for hold in holds:
            hold.refresh_from_db()
            assert hold.seat.hold_expires_at == hold.expires_at
            assert hold.extended_at is not None

    assert counts[0] == counts[1]


def test_a_hold_that_is_over_cannot_be_extended():
    user = UserFactory()
    (reservation,) = held(user, ScheduleFactory())
    overdue(reservation)

    with pytest.raises(HoldExpired):
        begin_payment(user=user, reservation_ids=[reservation.pk])


def test_holding_and_letting_go_is_capped_per_hour(settings):
    settings.GIVEN_UP_PER_HOUR = 3
    user = UserFactory(won=10_000)
    schedule = ScheduleFactory()
    for number in (1, 2, 3):
        (reservation,) = held(user, schedule, number)
        release_reservation(user=user, reservation_id=reservation.pk)

    with pytest.raises(GivenUpTooOften) as refused:
        hold_seats(user=user, schedule_id=schedule.pk, numbers=[4])

    assert 3500 < refused.value.retry_after <= 3600
    assert not Reservation.objects.live().exists()


def test_overdue_holds_count_as_released_in_every_schedule_before_any_sweep(settings):
    settings.GIVEN_UP_PER_HOUR = 2
    user = UserFactory()
    schedule, another = ScheduleFactory.create_batch(2)
    overdue(*held(user, another, 1), *held(user, schedule, 1))

    with pytest.raises(GivenUpTooOften):
        hold_seats(user=user, schedule_id=schedule.pk, numbers=[2])

    assert Reservation.objects.held().count() == 2


def test_paid_holds_do_not_count_as_released(settings):
    settings.GIVEN_UP_PER_HOUR = 1
    user = UserFactory(won=20_000)
    schedule = ScheduleFactory(price=10_000)
    for number in (1, 2):
        (reservation,) = held(user, schedule, number)
        pay_reservations(user=user, reservation_ids=[reservation.pk])


def test_an_hour_later_holding_is_possible_again(settings):
    settings.GIVEN_UP_PER_HOUR = 1
    user = UserFactory()
    schedule = ScheduleFactory()
    (reservation,) = held(user, schedule, 1)
    release_reservation(user=user, reservation_id=reservation.pk)
    Reservation.objects.update(created_at=reservation.created_at - dt.timedelta(hours=1))

    admitted(user, schedule)
    assert hold_seats(user=user, schedule_id=schedule.pk, numbers=[2])


def test_a_new_hold_of_the_buyers_overdue_seat_writes_its_history_once():
    user = UserFactory()
    schedule = ScheduleFactory()
    overdue(*held(user, schedule, 1, 2))

    hold_seats(user=user, schedule_id=schedule.pk, numbers=[1])

    lines = SeatStatusHistory.objects.filter(seat__number=1).order_by("seq")
    assert [line.to_status for line in lines] == ["HELD", "AVAILABLE", "HELD"]
    assert [reservation.status for reservation in Reservation.objects.order_by("created_at")] == [
        "EXPIRED",
        "EXPIRED",
        "HOLD",
    ]
