"""Concurrent check-ins and cancellations of one ticket."""

import pytest

from payments.errors import AlreadyCancelled, TicketUsed
from payments.models import Refund
from payments.services.holds import hold_seats
from payments.services.ticket_cancellation import cancel_ticket
from tests.concurrency.threads import Meeting, race
from tests.factories import (
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    balance_of,
    bought,
    scanned,
)

pytestmark = pytest.mark.django_db(transaction=True)

CLOCK = "SELECT clock_timestamp()"


@pytest.fixture
def ticket():
    return bought(
        UserFactory(won=10_000), ScheduleFactory(price=10_000, seats=1, doors_open=True), 1
    ).tickets[0]


def scanning(ticket, gate=""):
    staff = StaffFactory()
    return lambda: scanned(ticket, by=staff, gate=gate)


def cancelling(ticket):
    return lambda: cancel_ticket(user=ticket.user, ticket_id=ticket.pk)


def test_of_many_scanners_one_lets_the_ticket_in(ticket):
    results = race(*(scanning(ticket, gate=f"gate {n}") for n in range(6)))

    (let_in,) = [result for result in results if not isinstance(result, Exception)]
    refused = [result for result in results if type(result) is TicketUsed]
    assert len(refused) == 5
    assert {refusal.extra["gate"] for refusal in refused} == {let_in.gate}


@pytest.mark.parametrize("_round", range(4))
def test_a_check_in_and_a_concurrent_cancellation_end_in_one_of_the_two(ticket, _round):
    entry, refund = race(scanning(ticket), cancelling(ticket), meeting=Meeting(CLOCK))

    ticket.refresh_from_db()
    if ticket.status == "USED":
        assert (entry.ticket_id, type(refund)) == (ticket.pk, TicketUsed)
        assert balance_of(ticket.user) == 0
    else:
        assert (type(entry), refund.amount) == (AlreadyCancelled, 10_000)
        assert balance_of(ticket.user) == 10_000


def test_cancelling_many_times_at_once_refunds_once(ticket):
    results = race(*[cancelling(ticket)] * 6)

    assert sorted(type(result).__name__ for result in results) == (
        ["AlreadyCancelled"] * 5 + ["Refund"]
    )
    assert Refund.objects.get().amount == 10_000
    assert balance_of(ticket.user) == 10_000


def test_a_cancelled_seat_goes_to_one_of_the_waiting_buyers(ticket):
    schedule = ticket.reservation.schedule
    buyers = UserFactory.create_batch(3)
    for buyer in buyers:
        admitted(buyer, schedule)

    def hold(buyer):
        return lambda: hold_seats(user=buyer, schedule_id=schedule.pk, numbers=[1])

    refund, *holds = race(cancelling(ticket), *map(hold, buyers))

    assert type(refund) is Refund
    assert len([result for result in holds if type(result) is list]) <= 1
