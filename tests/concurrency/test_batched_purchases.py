"""Group commits of holds and payments, with other transactions at the same seats."""

import datetime as dt
from contextlib import contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from django.db import connection
from django.db.models.functions import Now

from accounts.errors import IdempotencyInFlight, InsufficientBalance
from accounts.models import BalanceHistory
from accounts.services.idempotency import AnsweredBefore, IdempotentRequest
from concertbook.db.group_commit import Retry
from concertbook.errors import NotFound
from concerts.errors import SeatNotFound, SeatTaken
from concerts.models import Seat, SeatStatusHistory
from payments.errors import (
    AlreadyCancelled,
    CompanionNeedsWheelchair,
    GivenUpTooOften,
    HoldExpired,
    PurchaseLimitExceeded,
)
from payments.models import Payment, Reservation, Ticket
from payments.services import holds
from payments.services.carts import PaymentRequest
from payments.services.checkout import Receipt, pay, pay_reservations
from payments.services.holds import hold, hold_seats
from payments.services.locked_sale import HoldRequest
from payments.services.releases import release_reservation
from queueing.errors import QueueNotAdmitted
from queueing.models import QueueToken
from tests.factories import ScheduleFactory, UserFactory, admitted, balance_of, held, overdue

pytestmark = pytest.mark.django_db(transaction=True)

PRICE = 10_000


@pytest.fixture
def schedule():
    return ScheduleFactory(seats=8, price=PRICE)


def request_for(schedule, *numbers):
    user = UserFactory()
    return HoldRequest(user, schedule.pk, numbers, admitted(user, schedule).pk)


def payment_for(schedule, *numbers, won=50_000, key="a key"):
    """The payment request of a new user who holds these seats."""
    user = UserFactory(won=won)
    ids = [each.pk for each in held(user, schedule, *numbers)]
    once = IdempotentRequest(
        user=user, key=key, request_hash="pay", render=lambda receipt: b"%d" % receipt.balance
    )
    return PaymentRequest(user, ids, once)


def pay_all(*requests):
    """For each request True when it is paid, else its refusal."""
    return [
        type(outcome) if isinstance(outcome, Exception) else type(outcome) is Receipt
        for outcome in pay(requests)
    ]


@contextmanager
def locked_by_another(sql, *params):
    """Another connection holds the locks of the statement."""
    other = connection.copy()
    other.set_autocommit(False)
    try:
        with other.cursor() as cursor:
            cursor.execute(sql, params)
            assert cursor.fetchone()[0], "nothing was locked"
        yield
    finally:
        other.rollback()
        other.close()


def hold_all(*requests):
    """For each request the numbers of its held seats, else its refusal."""
    return [
        type(outcome)
        if isinstance(outcome, Exception)
        else [reservation.seat.number for reservation in outcome]
        for outcome in hold(requests)
    ]


def nothing_is_held():
    return not Reservation.objects.exists() and not Seat.objects.exclude(version=0).exists()


# --- Holds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [1, 4])
def test_many_peoples_holds_are_as_few_round_trips_as_ones(
    schedule, people, django_assert_num_queries
):
    requests = [request_for(schedule, 2 * n + 2, 2 * n + 1) for n in range(people)]

    with django_assert_num_queries(6):
        outcomes = hold(requests)

    for n, (asked, reservations) in enumerate(zip(requests, outcomes, strict=True)):
        assert [each.seat.number for each in reservations] == [2 * n + 1, 2 * n + 2]
        for reservation in reservations:
            seat = Seat.objects.get(number=reservation.seat.number)
            assert (seat.status, seat.held_by) == ("HELD", asked.user)
            assert seat.hold_expires_at == reservation.expires_at
            assert Reservation.objects.get(pk=reservation.pk).user == asked.user
            line = SeatStatusHistory.objects.get(seat=seat)
            assert (line.changed_by, line.reason) == (asked.user, "held")


def test_of_two_holds_of_one_seat_the_first_wins_and_the_other_is_refused(schedule):
    requests = [request_for(schedule, *numbers) for numbers in ([1, 2], [3, 2], [4])]

    assert hold_all(*requests) == [[1, 2], SeatTaken, [4]]
    assert Seat.objects.get(number=3).status == "AVAILABLE"


def test_refused_holds_of_many_are_six_round_trips_and_write_nothing(
    schedule, django_assert_num_queries
):
    held(UserFactory(), schedule, 1)
    requests = [request_for(schedule, 1) for _ in range(3)]

    # BEGIN, the tokens, the seats to lock, the one that is taken, the holdings, ROLLBACK.
    with django_assert_num_queries(6):
        assert hold_all(*requests) == [SeatTaken] * 3

    assert Reservation.objects.count() == 1


def test_a_seat_that_is_taken_is_refused_while_another_transaction_has_it_locked(schedule):
    held(UserFactory(), schedule, 1)
    asked = request_for(schedule, 1)

    with locked_by_another("SELECT id FROM concerts_seat WHERE number = 1 FOR UPDATE"):
        assert hold_all(asked) == [SeatTaken]


def test_a_refused_request_keeps_none_of_its_seats_from_the_next_one(schedule):
    held(UserFactory(), schedule, 2)

    assert hold_all(request_for(schedule, 1, 2), request_for(schedule, 1)) == [SeatTaken, [1]]


def test_a_schedule_that_does_not_exist_is_not_found_for_each(schedule):
    requests = [replace(request_for(schedule, n), schedule_id=uuid4()) for n in (1, 2)]

    assert hold_all(*requests) == [NotFound, NotFound]


def test_a_group_serves_one_request_of_a_buyer_and_retries_the_others(schedule):
    first = request_for(schedule, 1)

    again = replace(first, numbers=[2])
    assert hold_all(first, again, first) == [[1], Retry, Retry]


@pytest.mark.parametrize(
    "lock",
    [
        "SELECT token FROM queueing_queuetoken WHERE user_id = %s FOR UPDATE",
        "SELECT id FROM concerts_seat WHERE number = 1 AND %s IS NOT NULL FOR UPDATE",
    ],
    ids=["place", "seat"],
)
def test_a_hold_that_would_wait_for_a_lock_does_not_delay_its_group(schedule, lock):
    slow, quick = request_for(schedule, 1), request_for(schedule, 2)

    with locked_by_another(lock, slow.user.pk):
        assert hold_all(slow, quick) == [Retry, [2]]

    assert hold_all(slow) == [[1]]


def is_outside(asked, schedule):
    QueueToken.objects.filter(pk=asked.token).update(status="EXPIRED")


def is_there_too_long(asked, schedule):
    hour = "interval '1 hour'"
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE queueing_queuetoken SET issued_at = issued_at - {hour},"
            f" available_at = available_at - {hour}, expires_at = expires_at - {hour}"
            " WHERE token = %s",
            [asked.token],
        )


def has_what_is_allowed(asked, schedule):
    held(asked.user, schedule, 5, 6, 7, 8)


def wants_what_is_taken(asked, schedule):
    held(UserFactory(), schedule, *asked.numbers)


def wants_what_does_not_exist(asked, schedule):
    Seat.objects.filter(number=asked.numbers[0]).update(number=1000)


def wants_a_companion_alone(asked, schedule):
    Seat.objects.filter(number=asked.numbers[0]).update(kind="companion")


def has_cycled_too_often(asked, schedule):
    for _time in range(30):
        (reservation,) = hold_seats(user=asked.user, schedule_id=schedule.pk, numbers=[8])
        release_reservation(user=asked.user, reservation_id=reservation.pk)


@pytest.mark.parametrize(
    ("what", "refusal"),
    [
        (is_outside, QueueNotAdmitted),
        (is_there_too_long, QueueNotAdmitted),
        (has_what_is_allowed, PurchaseLimitExceeded),
        (wants_what_is_taken, SeatTaken),
        (wants_what_does_not_exist, SeatNotFound),
        (wants_a_companion_alone, CompanionNeedsWheelchair),
        (has_cycled_too_often, GivenUpTooOften),
    ],
)
def test_a_request_that_a_rule_refuses_holds_nothing_and_the_others_go_on(schedule, what, refusal):
    refused, other = request_for(schedule, 1), request_for(schedule, 2)
    what(refused, schedule)
    had = Reservation.objects.filter(user=refused.user).count()

    assert hold_all(refused, other) == [refusal, [2]]
    assert Reservation.objects.filter(user=refused.user).count() == had


def test_a_hold_needs_the_buyers_own_token_of_this_room(schedule):
    owner = request_for(schedule, 1)
    stolen = replace(owner, user=UserFactory(), numbers=[2])
    elsewhere = replace(request_for(ScheduleFactory()), schedule_id=schedule.pk, numbers=[3])

    assert hold_all(stolen, owner, elsewhere) == [QueueNotAdmitted, [1], QueueNotAdmitted]


def test_an_overdue_hold_is_swept_by_a_request_that_runs_alone(schedule):
    overdue(*held(UserFactory(), schedule, 1))
    asked = request_for(schedule, 1)

    assert hold_all(asked) == [Retry]
    assert hold_seats(user=asked.user, schedule_id=schedule.pk, numbers=[1])


def test_an_overdue_hold_of_the_buyer_is_swept_by_a_request_that_runs_alone(schedule):
    asked = request_for(schedule, 2)
    overdue(*held(asked.user, schedule, 1))

    assert hold_all(asked) == [Retry]
    assert hold_seats(user=asked.user, schedule_id=schedule.pk, numbers=[2])


def test_admissions_that_end_before_their_hold_are_extended_in_one_statement(
    schedule, django_assert_num_queries
):
    requests = [request_for(schedule, n) for n in (1, 2, 3)]
    QueueToken.objects.update(expires_at=Now() + dt.timedelta(seconds=60))

    with django_assert_num_queries(7):
        outcomes = hold(requests)

    ends = {reservation.expires_at for (reservation,) in outcomes}
    assert set(QueueToken.objects.values_list("expires_at", flat=True)) == ends


def test_a_failure_halfway_rolls_all_holds_back(schedule, monkeypatch):
    def fail(*_changes):
        raise ArithmeticError

    monkeypatch.setattr(holds, "write_rows", fail)
    with pytest.raises(ArithmeticError):
        hold([request_for(schedule, 1), request_for(schedule, 2)])

    assert nothing_is_held()


# --- Payments ------------------------------------------------------------------------------------


@pytest.mark.parametrize("people", [1, 3])
def test_many_peoples_payments_are_as_few_round_trips_as_ones(
    schedule, people, django_assert_num_queries
):
    requests = [payment_for(schedule, 2 * n + 1, 2 * n + 2) for n in range(people)]

    with django_assert_num_queries(10):
        assert pay_all(*requests) == [True] * people

    for asked in requests:
        assert balance_of(asked.user) == 30_000
        assert asked.once.answer == b"30000"
        assert Ticket.objects.filter(user=asked.user, status="ISSUED").count() == 2
        spent = BalanceHistory.objects.filter(balance__user=asked.user, type="RESERVATION")
        assert [line.balance_after for line in spent.order_by("seq")] == [40_000, 30_000]
        assert QueueToken.objects.get(user=asked.user).status == "EXPIRED"
    assert Seat.objects.filter(status="RESERVED").count() == 2 * people


def test_a_payment_ends_the_admission_of_a_buyer_without_further_holds(schedule):
    remains, leaves = payment_for(schedule, 1), payment_for(schedule, 2)
    held(remains.user, schedule, 3)

    assert pay_all(remains, leaves) == [True, True]
    assert QueueToken.objects.live().get().user == remains.user


@pytest.mark.parametrize(
    ("lock", "outcome"),
    [
        ("SELECT token FROM queueing_queuetoken WHERE user_id = %s FOR UPDATE", Retry),
        ("SELECT id FROM concerts_seat WHERE held_by_id = %s FOR UPDATE", Retry),
        ("SELECT id FROM payments_reservation WHERE user_id = %s FOR UPDATE", Retry),
        ("SELECT id FROM accounts_balance WHERE user_id = %s FOR UPDATE", Retry),
        (
            "SELECT pg_try_advisory_xact_lock(hashtextextended(%s || ' a key', 1))",
            IdempotencyInFlight,
        ),
    ],
    ids=["place", "seat", "reservation", "balance", "key"],
)
def test_a_payment_that_would_wait_for_a_lock_does_not_delay_its_group(schedule, lock, outcome):
    slow, quick = payment_for(schedule, 1), payment_for(schedule, 2)

    with locked_by_another(lock, str(slow.user.pk)):
        assert pay_all(slow, quick) == [outcome, True]

    assert Payment.objects.count() == 1
    assert pay_all(slow) == [True]


def is_poor(schedule):
    return payment_for(schedule, 1, won=PRICE - 1)


def is_late(schedule):
    asked = payment_for(schedule, 1)
    overdue(*Reservation.objects.all())
    return asked


def has_left(schedule):
    asked = payment_for(schedule, 1)
    QueueToken.objects.filter(user=asked.user).update(status="EXPIRED")
    return asked


def has_let_go(schedule):
    asked = payment_for(schedule, 1)
    release_reservation(user=asked.user, reservation_id=asked.reservation_ids[0])
    return asked


def pays_for_anothers(schedule):
    anothers = payment_for(schedule, 1)
    asked = payment_for(schedule, 3)
    return replace(asked, reservation_ids=[*asked.reservation_ids, *anothers.reservation_ids])


def has_been_answered(schedule):
    asked = payment_for(schedule, 1)
    pay_reservations(user=asked.user, reservation_ids=asked.reservation_ids, once=asked.once)
    admitted(asked.user, schedule)
    (other,) = hold_seats(user=asked.user, schedule_id=schedule.pk, numbers=[4])
    return replace(asked, reservation_ids=[other.pk])


@pytest.mark.parametrize(
    ("who", "outcome", "failures"),
    [
        (is_poor, InsufficientBalance, 1),
        (is_late, HoldExpired, 1),
        (has_left, QueueNotAdmitted, 0),
        (has_let_go, AlreadyCancelled, 0),
        (pays_for_anothers, NotFound, 0),
        (has_been_answered, AnsweredBefore, 0),
    ],
)
def test_a_payment_that_a_rule_refuses_moves_nothing_and_the_others_go_on(
    schedule, who, outcome, failures
):
    refused, other = who(schedule), payment_for(schedule, 2)
    before, payments = balance_of(refused.user), Payment.objects.count()

    assert pay_all(refused, other) == [outcome, True]
    assert balance_of(refused.user) == before
    assert Payment.objects.count() == payments + 1 + failures
    # Once for each reservation and reason.
    assert pay_all(refused) == [outcome]
    assert Payment.objects.count() == payments + 1 + failures


def test_a_payment_of_another_buyers_reservation_does_not_affect_its_owner(schedule):
    owner = payment_for(schedule, 1)
    (other,) = held(owner.user, schedule, 2)
    thief = payment_for(schedule, 3)
    thief = replace(thief, reservation_ids=[*thief.reservation_ids, other.pk])

    assert pay_all(thief, owner) == [NotFound, True]

    other.refresh_from_db()
    assert other.status == "HOLD"
    assert QueueToken.objects.live().filter(user=owner.user).exists(), "they hold a seat"


def test_a_cart_of_several_rooms_is_paid_beside_others_of_them(schedule):
    elsewhere = ScheduleFactory(price=PRICE)
    both = payment_for(schedule, 1)
    (other,) = held(both.user, elsewhere, 1)
    both = replace(both, reservation_ids=[*both.reservation_ids, other.pk])
    of_one = payment_for(schedule, 2)
    admitted(of_one.user, elsewhere)

    assert pay_all(both, of_one) == [True, True]

    assert QueueToken.objects.live().get().user == of_one.user, "in the other room"
