"""The checkout page: one agreement, the top-up in place, and what it says when nothing is held."""

import datetime as dt
import uuid

import pytest
from django.utils import timezone

from accounts.models import BalanceHistory, Charge
from payments.models import Payment, Reservation
from payments.services.releases import release_reservation
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, held, overdue

pytestmark = pytest.mark.django_db(transaction=True)

ENGLISH = {"Accept-Language": "en"}


@pytest.fixture
def schedule():
    return ScheduleFactory(price=25_000, concert__title="밤의 노래")


@pytest.fixture
def buyer(client):
    """Logged in, with 10,000 won."""
    buyer = UserFactory(won=10_000)
    client.force_login(buyer)
    return buyer


def form_of(client, **changes):
    """The form of the checkout as a browser sends it, agreed."""
    page = client.get("/checkout/").context
    form = {
        "key": page["once"]["key"].value(),
        "reservations": [str(hold.pk) for hold in page["my_holds"]],
        "agreed": "on",
    }
    if page["short"]:
        top_up = page["top_up"]
        form["top_up-key"] = top_up["key"].value()
        form["top_up-amount"] = top_up["amount"].value()
    return {name: value for name, value in (form | changes).items() if value is not None}


def test_one_button_tops_up_the_missing_sum_and_pays(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)
    form = form_of(client)
    assert form["top_up-amount"] == 15_000

    response = client.post("/checkout/", form)

    assert response["Location"] == f"/orders/{hold.pk}/"
    assert Payment.objects.get().amount == 25_000
    assert balance_of(buyer) == 0


def test_the_form_of_a_top_up_sent_twice_charges_and_pays_once(client, buyer, schedule):
    held(buyer, schedule, 1)
    form = form_of(client)

    answers = [client.post("/checkout/", form) for _ in range(2)]

    assert answers[0]["Location"] == answers[1]["Location"]
    assert Payment.objects.count() == 1
    assert balance_of(buyer) == 0


def test_a_second_tab_charges_nothing_for_seats_that_the_first_has_paid(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)
    tabs = [form_of(client) for _ in range(2)]

    for form in tabs:
        response = client.post("/checkout/", form, headers=ENGLISH, follow=True)

    assert response.redirect_chain == [(f"/orders/{hold.pk}/", 302)]
    assert "These seats are paid already." in response.content.decode()
    assert Charge.objects.filter(user=buyer).count() == 2, "the factory's, and one"
    assert balance_of(buyer) == 0


def test_a_declined_top_up_says_why_keeps_the_amount_and_the_seats(client, buyer, schedule):
    held(buyer, schedule, 1)
    form = form_of(client, **{"top_up-amount": 40_002})

    page = client.post("/checkout/", form, headers=ENGLISH, follow=True)

    assert page.status_code == 200
    assert page.context["top_up"]["amount"].value() == "40002"
    text = page.content.decode()
    assert "Over the card&#x27;s limit: ₩40,002" in text
    assert "No money moved, and the seats are still yours." in text
    assert Reservation.objects.get().status == Reservation.Status.HOLD
    assert not Payment.objects.exists()


def test_a_decline_is_told_from_the_ledger_not_from_the_address(client, buyer, schedule):
    held(buyer, schedule, 1)

    assert client.get("/checkout/?declined=1&amount=40001").context["declined"] is None

    client.post("/checkout/", form_of(client, **{"top_up-amount": 40_001}))
    assert client.get("/checkout/?declined=1").context["declined"].amount == 40_001

    client.post("/balance/", {"amount": 1_000, "key": uuid.uuid4()})
    assert client.get("/checkout/?declined=1").context["declined"] is None


class DeafGateway:
    def charge(self, *, charge_id, amount):
        raise TimeoutError


def test_after_an_unknown_outcome_the_form_has_the_same_key_so_that_it_charges_once(
    client, buyer, schedule, settings
):
    held(buyer, schedule, 1)
    form = form_of(client)
    deaf = f"{__name__}.DeafGateway"
    gateway, settings.PAYMENT_GATEWAY = settings.PAYMENT_GATEWAY, deaf

    asked_again = client.post("/checkout/", form, headers=ENGLISH)
    settings.PAYMENT_GATEWAY = gateway
    page = client.get(asked_again["Location"], headers=ENGLISH)

    assert "The card company did not answer." in page.content.decode()
    assert "readonly" in page.content.decode()
    assert str(page.context["top_up"]["key"].value()) == str(form["top_up-key"])
    again = {**form, "key": page.context["once"]["key"].value()}
    assert client.post("/checkout/", again)["Location"].startswith("/orders/")
    charges = Charge.objects.filter(user=buyer, amount=15_000)
    assert [charge.status for charge in charges] == [Charge.Status.SUCCESS]


def test_a_top_up_extends_the_hold_once_as_the_gateway_may_take_seconds(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)

    for _attempt in range(2):
        client.post("/checkout/", form_of(client, **{"top_up-amount": 40_001}))

    extended = Reservation.objects.get()
    assert extended.expires_at - hold.expires_at == dt.timedelta(seconds=120)


def test_nothing_is_charged_for_a_hold_that_has_ended(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)
    form = form_of(client)
    overdue(hold)

    page = client.post("/checkout/", form, headers=ENGLISH, follow=True)

    assert "The time to pay is over" in page.content.decode()
    assert balance_of(buyer) == 10_000


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.5", "x", "10000001", "9" * 5000, "\x00"])
def test_an_invalid_amount_charges_nothing_and_says_so_beside_the_field(
    client, buyer, schedule, amount
):
    held(buyer, schedule, 1)

    page = client.post("/checkout/", form_of(client, **{"top_up-amount": amount}), follow=True)

    assert page.context["top_up"].errors["amount"]
    assert balance_of(buyer) == 10_000


@pytest.mark.parametrize("won", [0, 50_000], ids=["with a top-up", "without"])
def test_without_the_agreement_nothing_is_charged_or_paid_and_the_seats_are_kept(
    client, schedule, won
):
    buyer = UserFactory(won=won)
    client.force_login(buyer)
    held(buyer, schedule, 1)

    page = client.post("/checkout/", form_of(client, agreed=None), headers=ENGLISH, follow=True)

    assert "please agree to the refund terms first" in page.content.decode()
    assert Reservation.objects.get().status == Reservation.Status.HOLD
    assert not Payment.objects.exists()
    assert balance_of(buyer) == won


def test_the_refund_terms_of_the_concert_are_there_as_dates(client, buyer):
    start_at = timezone.now() + dt.timedelta(days=5)
    end_at = start_at + dt.timedelta(hours=2)
    schedule = ScheduleFactory(reserve_until=start_at, start_at=start_at, end_at=end_at)
    held(buyer, schedule, 1)

    (terms,) = client.get("/checkout/").context["terms"]

    # Of 10:0 7:10 3:20 1:30 0:90 the first two are over.
    assert [step.percent for step in terms["steps"]] == [20, 30, 90]
    assert [(start_at - step.until).days for step in terms["steps"]] == [3, 1, 0]


def test_a_hold_that_ended_is_told_with_a_way_back_to_the_same_map(client, buyer, schedule):
    holds = held(buyer, schedule, 1, 2)
    overdue(*holds)

    page = client.get("/checkout/", headers=ENGLISH).content.decode()

    assert "The time to pay is over" in page
    assert "no money was taken" in page
    assert f'href="/schedules/{schedule.pk}/seats/"' in page
    assert "A-1" in page
    assert "A-2" in page


def test_a_released_seat_is_not_told_as_an_ended_hold(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)
    release_reservation(user=buyer, reservation_id=hold.pk)

    page = client.get("/checkout/", headers=ENGLISH).content.decode()

    assert "You have let go of the seats" in page
    assert f'href="/schedules/{schedule.pk}/seats/"' in page


def test_back_after_the_payment_leads_to_the_order(client, schedule):
    buyer = UserFactory(won=50_000)
    client.force_login(buyer)
    (payment,) = bought(buyer, schedule, 1).payments

    assert client.get("/checkout/")["Location"] == f"/orders/{payment.reservation_id}/"


def test_an_hour_later_the_checkout_tells_of_no_old_purchase(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)
    overdue(hold)
    client.get("/checkout/")
    long_ago = timezone.now() - dt.timedelta(hours=2)
    Reservation.objects.update(created_at=long_ago, expires_at=long_ago + dt.timedelta(minutes=5))

    page = client.get("/checkout/", headers=ENGLISH).content.decode()

    assert "You are not holding any seats." in page
    assert f'href="/schedules/{schedule.pk}/seats/"' not in page


def test_an_order_has_what_was_paid_at_one_time_and_nothing_of_other_buyers(client, schedule):
    buyer = UserFactory(won=100_000)
    client.force_login(buyer)
    other = bought(UserFactory(won=25_000), schedule, 4).payments[0]
    earlier = bought(buyer, schedule, 3).payments[0]
    payments = bought(buyer, schedule, 1, 2).payments

    page = client.get(f"/orders/{payments[1].reservation_id}/")

    assert [each.pk for each in page.context["order"].payments] == [each.pk for each in payments]
    assert page.context["order"].total == 50_000
    assert client.get(f"/orders/{earlier.reservation_id}/").context["order"].total == 25_000
    assert client.get(f"/orders/{other.reservation_id}/").status_code == 404


def test_a_reservation_that_was_not_paid_is_no_order(client, buyer, schedule):
    (hold,) = held(buyer, schedule, 1)

    assert client.get(f"/orders/{hold.pk}/").status_code == 404


def test_a_failed_charge_stands_in_the_history_in_words(client, buyer, schedule):
    held(buyer, schedule, 1)
    client.post("/checkout/", form_of(client, **{"top_up-amount": 40_003}))

    page = client.get("/balance/?type=CHARGE", headers=ENGLISH)

    assert page.context["page"][0].status == BalanceHistory.Status.FAILED
    assert "The card has expired" in page.content.decode()
