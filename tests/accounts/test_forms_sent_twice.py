"""Paying and cancelling in a browser: a double click or a form sent again acts once."""

import uuid

import pytest
from django.test import Client

from payments.models import Payment, Refund, Ticket
from tests.concurrency.threads import Meeting, race
from tests.factories import ScheduleFactory, UserFactory, balance_of, bought, held

pytestmark = pytest.mark.django_db

CLAIM = "pg_try_advisory_xact_lock"
PAID = "Paid. Here are your tickets."
CANCELLED = "Cancelled. The refund is in your balance."
IN_FLIGHT = "This very request is still being worked on. Please ask again in a moment."
ANSWERS = PAID, CANCELLED, IN_FLIGHT


def browser_of(user):
    client = Client(headers={"Accept-Language": "en"})
    client.force_login(user)
    return client


def checkout_form(client):
    page = client.get("/checkout/").context
    return {
        "key": page["once"]["key"].value(),
        "reservations": [str(hold.pk) for hold in page["my_holds"]],
        "agreed": "on",
    }


def cancel_form(client, ticket):
    page = client.get(f"/tickets/{ticket.pk}/cancel/").context
    return {"key": page["once"]["key"].value()}


def words(response):
    return [str(message) for message in response.context["messages"]]


def read(*responses):
    """Read the pages' content, not ``context``: while two threads render, each test client gets the
    signals of both, and its ``context`` may be the other's.
    """
    pages = [response.content.decode() for response in responses]
    return sorted(answer for page in pages for answer in ANSWERS if answer in page)


def test_a_checkout_sent_again_pays_once_and_shows_the_tickets_again():
    user = UserFactory(won=50_000)
    held(user, ScheduleFactory(price=10_000), 1, 2)
    client = browser_of(user)
    form = checkout_form(client)

    first, again = (client.post("/checkout/", form, follow=True) for _ in range(2))

    for response in (first, again):
        assert response.redirect_chain == [(f"/orders/{form['reservations'][0]}/", 302)]
        assert words(response) == [PAID]
    assert balance_of(user) == 30_000
    assert Payment.objects.count() == 2


def test_a_checkout_form_of_other_seats_cannot_use_the_same_key():
    user = UserFactory(won=50_000)
    schedule = ScheduleFactory(price=10_000)
    held(user, schedule, 1)
    client = browser_of(user)
    form = checkout_form(client)
    client.post("/checkout/", form)
    (other,) = held(user, schedule, 2)

    refused = client.post("/checkout/", {**form, "reservations": [str(other.pk)]}, follow=True)

    assert words(refused)[-1:] == [
        "This Idempotency-Key belongs to another request. Nothing was done."
    ]
    assert balance_of(user) == 40_000


def test_a_cancellation_sent_again_refunds_once_and_shows_the_ticket_again():
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(price=10_000)).tickets[0]
    client = browser_of(user)
    form = cancel_form(client, ticket)
    address = f"/tickets/{ticket.pk}/cancel/"

    first, again = (client.post(address, form, follow=True) for _ in range(2))

    for response in (first, again):
        assert response.redirect_chain == [(f"/tickets/{ticket.pk}/", 302)]
        assert words(response) == ["Cancelled. The refund is in your balance."]
    assert balance_of(user) == 10_000


def test_a_cancel_form_of_another_ticket_cannot_use_the_same_key():
    user = UserFactory(won=20_000)
    one, other = bought(user, ScheduleFactory(price=10_000), 1, 2).tickets
    client = browser_of(user)
    form = cancel_form(client, one)
    client.post(f"/tickets/{one.pk}/cancel/", form)

    client.post(f"/tickets/{other.pk}/cancel/", form)

    other.refresh_from_db()
    assert other.status == Ticket.Status.ISSUED
    assert Refund.objects.count() == 1


@pytest.mark.parametrize("key", [{}, {"key": ""}, {"key": "x"}, {"key": "x" * 300}])
def test_a_form_without_its_key_does_nothing(key):
    user = UserFactory(won=20_000)
    schedule = ScheduleFactory(price=10_000)
    ticket = bought(user, schedule, 1).tickets[0]
    (hold,) = held(user, schedule, 2)
    client = browser_of(user)

    for address, form in (
        ("/checkout/", {"reservations": [str(hold.pk)]}),
        (f"/tickets/{ticket.pk}/cancel/", {}),
    ):
        refused = client.post(address, form | key, follow=True)
        assert words(refused) == [
            "The request is not valid. Nothing was changed and nothing was paid."
        ]
    assert balance_of(user) == 10_000


def test_a_refused_checkout_may_be_sent_again_once_the_money_is_there():
    user = UserFactory()
    (hold,) = held(user, ScheduleFactory(price=10_000), 1)
    client = browser_of(user)
    form = {"key": str(uuid.uuid4()), "reservations": [str(hold.pk)], "agreed": "on"}
    client.post("/checkout/", form)
    charge = client.get("/balance/").context["form"]["key"].value()
    client.post("/balance/", {"amount": 10_000, "key": charge})

    assert client.post("/checkout/", form)["Location"] == f"/orders/{hold.pk}/"
    assert Ticket.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_checkouts_at_once_one_pays_and_both_show_the_tickets():
    user = UserFactory(won=50_000)
    held(user, ScheduleFactory(price=10_000), 1)
    browsers = [browser_of(user), browser_of(user)]
    form = checkout_form(browsers[0])

    # Of the same process: the second one comes after the first in the group commit.
    answers = race(
        *(lambda each=each: each.post("/checkout/", form, follow=True) for each in browsers)
    )

    assert read(*answers) == [PAID, PAID]
    assert Payment.objects.count() == 1
    assert balance_of(user) == 40_000


@pytest.mark.django_db(transaction=True)
def test_of_two_cancellations_at_once_one_refunds_and_the_other_is_asked_to_wait():
    user = UserFactory(won=10_000)
    ticket = bought(user, ScheduleFactory(price=10_000)).tickets[0]
    browsers = [browser_of(user), browser_of(user)]
    form = cancel_form(browsers[0], ticket)
    address = f"/tickets/{ticket.pk}/cancel/"

    answers = race(
        *(lambda each=each: each.post(address, form, follow=True) for each in browsers),
        meeting=Meeting(CLAIM),
    )

    assert read(*answers) == [CANCELLED, IN_FLIGHT]
    assert balance_of(user) == 10_000
