"""Concurrent charges, payments, refunds and expiry of one user."""

import pytest

from accounts.errors import InsufficientBalance
from accounts.gateway import GatewayAnswer
from accounts.models import Balance, BalanceHistory, Charge
from accounts.services.charges import charge, settle_charge
from concertbook.db.clock import database_now
from concerts.models import Seat
from payments.errors import AlreadyCancelled, AlreadyPaid, HoldExpired
from payments.models import Payment, Reservation, Ticket
from payments.services.checkout import Receipt, pay_reservations
from payments.services.releases import release_expired_holds, release_reservation
from payments.services.ticket_cancellation import cancel_ticket
from tests.concurrency.threads import Gate, background, race, until
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, held

pytestmark = pytest.mark.django_db(transaction=True)

CLOCK = "SELECT clock_timestamp()"
BALANCE_LOCKED = 'FROM "accounts_balance"'


def paying(user, *reservations):
    return lambda: pay_reservations(user=user, reservation_ids=[each.pk for each in reservations])


def outcomes(results):
    return sorted(type(result).__name__ for result in results)


def test_paying_the_same_reservation_20_times_at_once_pays_once():
    user = UserFactory(won=100_000)
    (reservation,) = held(user, ScheduleFactory(price=10_000), 1)

    results = race(*[paying(user, reservation)] * 20)

    assert outcomes(results) == ["AlreadyPaid"] * 19 + ["Receipt"]
    assert Payment.objects.count() == 1
    assert Ticket.objects.count() == 1
    spent = BalanceHistory.objects.get(type="RESERVATION")
    assert (spent.status, spent.amount) == ("SUCCESS", 10_000)
    assert balance_of(user) == 90_000


def test_overlapping_carts_in_opposite_order_pay_one_of_them():
    user = UserFactory(won=100_000)
    first, second, third = held(user, ScheduleFactory(price=10_000), 1, 2, 3)

    results = race(paying(user, first, second), paying(user, third, second))

    assert outcomes(results) == ["AlreadyPaid", "Receipt"]
    assert balance_of(user) == 80_000
    assert Reservation.objects.filter(status="CONFIRMED").count() == 2


def test_two_payments_at_once_cannot_spend_the_same_money():
    user = UserFactory(won=15_000)
    first, second = held(user, ScheduleFactory(price=10_000), 1, 2)

    results = race(paying(user, first), paying(user, second))

    assert outcomes(results) == ["InsufficientBalance", "Receipt"]
    assert balance_of(user) == 5_000
    assert Payment.objects.get(status="FAILED").reason == InsufficientBalance.code


def test_paying_and_letting_go_at_once_ends_in_one_of_the_two():
    schedule = ScheduleFactory(price=10_000)
    user = UserFactory(won=200_000)
    for number in range(1, 9):
        (reservation,) = held(user, schedule, number)

        paid, let_go = race(
            paying(user, reservation),
            lambda held=reservation: release_reservation(user=user, reservation_id=held.pk),
        )

        reservation.refresh_from_db()
        if reservation.status == "CONFIRMED":
            assert (type(paid), type(let_go)) == (Receipt, AlreadyPaid)
            cancel_ticket(user=user, ticket_id=paid.tickets[0].pk)
        else:
            assert (type(paid), let_go) == (AlreadyCancelled, None)
    assert balance_of(user) == 200_000


@pytest.fixture
def short_hold(settings):
    """A user with the money and a hold that lasts a moment."""
    settings.HOLD_SECONDS = 1
    user = UserFactory(won=50_000)
    (reservation,) = held(user, ScheduleFactory(price=10_000), 1)
    return user, reservation


def is_over(reservation):
    return lambda: database_now() >= reservation.expires_at


def test_a_hold_that_ends_while_its_payment_waits_for_locks_is_expired_by_the_payment(short_hold):
    user, reservation = short_hold
    before_the_clock = Gate(after=BALANCE_LOCKED)

    with background(paying(user, reservation), before_the_clock) as payment:
        before_the_clock.wait()
        until(is_over(reservation))
        assert race(release_expired_holds) == [0], "the seat is locked: the sweep leaves it alone"
        before_the_clock.open()
        assert type(payment.result()) is HoldExpired

    reservation.refresh_from_db()
    assert reservation.status == "EXPIRED"
    assert Seat.objects.get(pk=reservation.seat_id).status == "AVAILABLE"
    assert Payment.objects.get().reason == "hold_expired"
    assert balance_of(user) == 50_000


def test_a_payment_that_has_read_the_clock_in_time_wins_over_the_sweep(short_hold):
    user, reservation = short_hold
    after_the_clock = Gate(after=CLOCK)

    with background(paying(user, reservation), after_the_clock) as payment:
        after_the_clock.wait()
        until(is_over(reservation))
        assert race(release_expired_holds) == [0], "the seat is locked: the sweep leaves it alone"
        after_the_clock.open()
        assert type(payment.result()) is Receipt

    reservation.refresh_from_db()
    assert reservation.status == "CONFIRMED"
    assert reservation.confirmed_at < reservation.expires_at
    assert Seat.objects.get(pk=reservation.seat_id).status == "RESERVED"
    assert balance_of(user) == 40_000


def test_payments_and_sweeps_racing_around_the_last_moment_end_cleanly(short_hold):
    user, reservation = short_hold

    def at_the_last_moment(call):
        def run():
            until(is_over(reservation), pause=lambda _seconds: None)
            return call()

        return run

    results = race(
        at_the_last_moment(release_expired_holds),
        paying(user, reservation),
        at_the_last_moment(paying(user, reservation)),
        at_the_last_moment(release_expired_holds),
    )

    reservation.refresh_from_db()
    paid = [result for result in results if type(result) is Receipt]
    refusal = AlreadyPaid if paid else HoldExpired
    assert outcomes(results) == sorted(
        ["int", "int", refusal.__name__, "Receipt" if paid else "HoldExpired"]
    )
    assert reservation.status == ("CONFIRMED" if paid else "EXPIRED")
    assert balance_of(user) == 50_000 - 10_000 * len(paid)


def test_one_charge_settled_by_many_at_once_is_charged_once():
    user = UserFactory()
    pending = Charge.objects.create(user=user, amount=7_000)

    def settle():
        return settle_charge(charge_id=pending.pk, answer=GatewayAnswer(approved=True))

    lines = race(*[settle] * 8)

    assert {line.pk for line in lines} == {BalanceHistory.objects.get().pk}
    assert balance_of(user) == 7_000


def test_two_answers_for_one_charge_count_once():
    user = UserFactory()
    pending = Charge.objects.create(user=user, amount=7_000)

    lines = race(
        lambda: settle_charge(charge_id=pending.pk, answer=GatewayAnswer(approved=True)),
        lambda: settle_charge(charge_id=pending.pk, answer=GatewayAnswer(False, "card_declined")),
    )

    assert len({line.pk for line in lines}) == 1
    pending.refresh_from_db()
    assert balance_of(user) == (7_000 if pending.status == "SUCCESS" else 0)


def test_a_newcomers_first_charges_at_once_make_one_balance():
    user = UserFactory()

    race(*[lambda: charge(user=user, amount=1_000)] * 8)

    assert Balance.objects.get(user=user).amount == 8_000
    assert list(BalanceHistory.objects.order_by("seq").values_list("balance_after", flat=True)) == [
        amount * 1_000 for amount in range(1, 9)
    ]


def test_concurrent_charges_payments_and_cancellations_keep_the_ledger_consistent():
    schedule = ScheduleFactory(price=10_000)
    user = UserFactory(won=30_000)
    ticket, other = bought(user, schedule, 1, 2).tickets
    (hold,) = held(user, schedule, 3)

    results = race(
        lambda: charge(user=user, amount=1_000),
        paying(user, hold),
        lambda: cancel_ticket(user=user, ticket_id=ticket.pk),
        lambda: charge(user=user, amount=2_000),
        lambda: cancel_ticket(user=user, ticket_id=other.pk),
    )

    assert outcomes(results) == ["BalanceHistory", "BalanceHistory", "Receipt", "Refund", "Refund"]
    assert balance_of(user) == 10_000 + 1_000 - 10_000 + 10_000 + 2_000 + 10_000
    lines = BalanceHistory.objects.order_by("seq").values_list("seq", "delta", "balance_after")
    so_far = 0
    for expected_seq, (seq, delta, after) in enumerate(lines, start=1):
        so_far += delta
        assert (seq, after) == (expected_seq, so_far)
