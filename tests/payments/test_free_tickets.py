"""Free tickets: 0 won in payments and ledger, told apart in the settlement, else as any other."""

import pytest
from django.urls import reverse
from django.utils import timezone

from accounts.models import Activity, BalanceHistory, OutgoingMessage
from concerts.models import Seat
from operations.services.audit import run_checks
from operations.services.settlement import Figures, settle_period
from payments.models import Payment, Ticket
from payments.services.ticket_cancellation import cancel_ticket
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, scanned, staff

pytestmark = pytest.mark.django_db


@pytest.fixture
def schedule():
    return ScheduleFactory(doors_open=True)


@pytest.fixture
def give(client, schedule):
    client.defaults["HTTP_ACCEPT_LANGUAGE"] = "en"
    client.force_login(staff("Programme"))

    def do(email, names="A-1, A-2"):
        values = {"names": names, "email": email, "reason": "Guests of the promoter"}
        return client.post(
            reverse("console:seats_act", args=[schedule.pk, "give"]), values, follow=True
        )

    return do


@pytest.mark.django_db(transaction=True)
def test_a_free_ticket_admits_and_the_settlement_tells_it_from_sales(give, schedule):
    guest = UserFactory()
    bought(UserFactory(won=10_000), schedule, 5)

    give(guest.email)

    tickets = Ticket.objects.filter(user=guest).order_by("seat_number")
    assert [(each.seat.label, each.price) for each in tickets] == [("A-1", 0), ("A-2", 0)]
    lines = BalanceHistory.objects.filter(balance__user=guest)
    assert [(line.amount, line.reason) for line in lines] == [(0, "free_ticket")] * 2
    assert Activity.objects.get(act="seats.give").new == {"seats": ["A-1", "A-2"]}
    assert OutgoingMessage.objects.filter(kind="tickets", user=guest).count() == 1
    scanned(tickets[0])
    cancel_ticket(user=guest, ticket_id=tickets[1].pk)
    assert balance_of(guest) == 0
    today = timezone.localdate()
    settlement = settle_period(first=today, last=today, concert_id=schedule.concert_id)
    assert settlement.total == Figures(
        tickets_sold=1, tickets_free=2, sales=10_000, tickets_refunded=1
    )
    assert settlement.reconciles
    assert [found for found in run_checks() if found.violations] == []


def test_free_tickets_that_are_refused(give, schedule):
    guest = UserFactory()
    bought(UserFactory(won=10_000), schedule, 1)
    closing = UserFactory(closes_at=timezone.now())
    for email, names, said in [
        ("nobody@example.com", "A-2", "No account has confirmed this address."),
        (UserFactory(email_verified_at=None).email, "A-2", "No account has confirmed"),
        (closing.email, "A-2", "delete"),
        (guest.email, "A-2 ~ A-6", "more seats than one person may have"),
        (guest.email, "A-1", "1 seat stays as it is (sold): A-1"),
    ]:
        assert said in give(email, names).content.decode()
    assert Payment.objects.count() == 1
    assert Seat.objects.filter(status="AVAILABLE").count() == 9


def test_support_gives_no_free_tickets(client, give, schedule):
    guest = UserFactory()
    client.force_login(staff("Support"))
    assert give(guest.email).status_code == 403
    assert not Ticket.objects.exists()
