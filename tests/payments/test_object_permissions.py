"""Every page and call on a user's objects refuses anonymous requests and other users."""

import uuid

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.models import Session
from django.db.models import QuerySet
from django.test import Client
from django.utils import timezone

from accounts.app_tokens import issue_tokens
from accounts.credentials import load_user, read_authorization
from accounts.models import User, UserSession
from accounts.services.ledger import balance_amount
from concertbook.http.fast_path import FallThrough
from payments.models import Reservation
from payments.services.holds import hold_seats
from payments.services.reservations import my_reservations
from payments.services.ticket_offers import offer_ticket
from queueing.models import QueueToken
from queueing.services.draw_results import find_lot
from queueing.services.endings import how_it_ended
from queueing.services.join_and_leave import join, leave
from tests.factories import ScheduleFactory, UserFactory, WaitingRoomFactory, bought, held, overdue

pytestmark = pytest.mark.django_db


class Sale:
    """A user with a ticket that is offered, a hold and a place in line."""

    def __init__(self):
        self.owner, self.schedule = UserFactory(won=100_000), ScheduleFactory()
        ticket = bought(self.owner, self.schedule, 1).tickets[0]
        self.ticket, self.paid = ticket.pk, ticket.reservation_id
        self.offer = offer_ticket(
            user=self.owner, ticket_id=self.ticket, email="friend@example.com"
        ).pk
        Client().force_login(self.owner)
        self.device = UserSession.objects.get(user=self.owner).public_id
        (hold,) = held(self.owner, self.schedule, 2)
        self.hold, self.room = hold.pk, self.schedule.concert.waiting_room
        self.place = join(user=self.owner, slug=self.room.slug)[0].token


@pytest.fixture
def sale():
    return Sale()


# The method and the address.
PAGES = {
    "balance": ("get", "/balance/"),
    "account": ("get", "/accounts/"),
    "changing the name": ("get", "/accounts/name/"),
    "notices": ("get", "/accounts/notices/"),
    "changing the address": ("get", "/accounts/address/"),
    "sending the link": ("post", "/accounts/address/link/"),
    "devices": ("get", "/accounts/devices/"),
    "second factor": ("get", "/accounts/confirm/"),
    "my data": ("get", "/accounts/data/"),
    "a copy of data": ("get", "/accounts/data/00000000-0000-0000-0000-000000000000/"),
    "deleting the account": ("post", "/accounts/delete/"),
    "ending a device": ("post", "/accounts/devices/00000000-0000-0000-0000-000000000000/end/"),
    "ending devices": ("post", "/accounts/devices/end/"),
    "room": ("get", "/rooms/{sale.room.slug}/"),
    "lot": ("get", "/rooms/{sale.room.slug}/draw/lot/"),
    "place": ("get", "/places/{sale.place}/"),
    "leaving": ("post", "/places/{sale.place}/leave/"),
    "reminder": ("post", "/schedules/{sale.schedule.pk}/reminder/"),
    "no reminder": ("post", "/schedules/{sale.schedule.pk}/reminder/withdraw/"),
    "seats": ("get", "/schedules/{sale.schedule.pk}/seats/"),
    "best seats": ("get", "/schedules/{sale.schedule.pk}/seats/best/"),
    "checkout": ("get", "/checkout/"),
    "reservations": ("get", "/reservations/"),
    "letting go": ("post", "/reservations/{sale.hold}/release/"),
    "order": ("get", "/orders/{sale.paid}/"),
    "order's PDF": ("get", "/orders/{sale.paid}/tickets.pdf"),
    "order's calendar": ("get", "/orders/{sale.paid}/tickets.ics"),
    "tickets": ("get", "/tickets/"),
    "ticket": ("get", "/tickets/{sale.ticket}/"),
    "code": ("get", "/tickets/{sale.ticket}/qr.svg"),
    "PDF": ("get", "/tickets/{sale.ticket}/ticket.pdf"),
    "calendar": ("get", "/tickets/{sale.ticket}/ticket.ics"),
    "Apple pass": ("get", "/tickets/{sale.ticket}/ticket.pkpass"),
    "Google pass": ("get", "/tickets/{sale.ticket}/google-wallet/"),
    "cancelling": ("get", "/tickets/{sale.ticket}/cancel/"),
    "handing on": ("get", "/tickets/{sale.ticket}/offer/"),
    "withdrawing": ("post", "/tickets/{sale.ticket}/offer/withdraw/"),
    "offer": ("get", "/tickets/offers/{sale.offer}/"),
    "accepting": ("post", "/tickets/offers/{sale.offer}/accept/"),
    "declining": ("post", "/tickets/offers/{sale.offer}/decline/"),
}
CALLS = {
    "me": ("get", "/api/v1/me/"),
    "changing the address": ("post", "/api/v1/me/email-changes/"),
    "devices": ("get", "/api/v1/me/devices/"),
    "ending a device": ("delete", "/api/v1/me/devices/{sale.device}/"),
    "ending devices": ("post", "/api/v1/me/devices/end-others/"),
    "copies of data": ("get", "/api/v1/me/data-copies/"),
    "asking for a copy": ("post", "/api/v1/me/data-copies/"),
    "a copy of data": ("get", "/api/v1/me/data-copies/{sale.ticket}/data.zip"),
    "the terms of deleting": ("get", "/api/v1/me/deletion/"),
    "deleting the account": ("post", "/api/v1/me/deletion/"),
    "balance": ("get", "/api/v1/me/balance/"),
    "history": ("get", "/api/v1/me/balance/history/"),
    "seats": ("get", "/api/v1/schedules/{sale.schedule.pk}/seats/"),
    "place": ("get", "/api/v1/queue-tokens/{sale.place}/"),
    "leaving": ("delete", "/api/v1/queue-tokens/{sale.place}/"),
    "reservations": ("get", "/api/v1/reservations/"),
    "reservation": ("get", "/api/v1/reservations/{sale.hold}/"),
    "letting go": ("delete", "/api/v1/reservations/{sale.hold}/"),
    "paying": ("post", "/api/v1/payments/"),
    "tickets": ("get", "/api/v1/tickets/"),
    "ticket": ("get", "/api/v1/tickets/{sale.ticket}/"),
    "code": ("get", "/api/v1/tickets/{sale.ticket}/qr.svg"),
    "PDF": ("get", "/api/v1/tickets/{sale.ticket}/ticket.pdf"),
    "calendar": ("get", "/api/v1/tickets/{sale.ticket}/ticket.ics"),
    "Apple pass": ("get", "/api/v1/tickets/{sale.ticket}/ticket.pkpass"),
    "Google pass": ("get", "/api/v1/tickets/{sale.ticket}/google-wallet/"),
    "quote": ("get", "/api/v1/tickets/{sale.ticket}/refund-quote/"),
    "cancelling": ("post", "/api/v1/tickets/{sale.ticket}/cancel/"),
    "offer": ("get", "/api/v1/tickets/{sale.ticket}/offer/"),
    "handing on": ("post", "/api/v1/tickets/{sale.ticket}/offer/"),
    "withdrawing": ("delete", "/api/v1/tickets/{sale.ticket}/offer/"),
    "offers": ("get", "/api/v1/tickets/offers/"),
    "offer to another": ("get", "/api/v1/tickets/offers/{sale.offer}/"),
    "accepting": ("post", "/api/v1/tickets/offers/{sale.offer}/accept/"),
    "declining": ("post", "/api/v1/tickets/offers/{sale.offer}/decline/"),
    "door": ("post", "/api/v1/check-ins/"),
    "door, undoing": ("post", "/api/v1/check-ins/{sale.ticket}/undo/"),
}
ONES_OWN = (
    *("place", "leaving", "reservation", "letting go", "ticket", "code", "quote", "cancelling"),
    *("offer", "withdrawing", "offer to another", "accepting", "declining"),
    *("ending a device", "PDF", "calendar"),
)


def asked(client, sale, how, address, **headers):
    return getattr(client, how)(address.format(sale=sale), headers=headers)


@pytest.mark.parametrize("which", PAGES)
def test_every_page_redirects_anonymous_visitors_to_the_log_in(client, sale, which):
    answer = asked(client, sale, *PAGES[which])

    assert answer.status_code == 302
    assert answer["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("call", CALLS)
def test_every_call_refuses_anonymous_requests(app, sale, call):
    answer = asked(app(), sale, *CALLS[call])

    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")


FILES = "order's PDF", "order's calendar", "PDF", "calendar", "Apple pass", "Google pass"
ONES_OWN_PAGES = "place", "order", "ticket", "code", "cancelling", "handing on", "offer", *FILES


@pytest.mark.parametrize("which", ONES_OWN_PAGES)
def test_no_page_shows_another_users_objects(client, sale, which):
    client.force_login(UserFactory())

    assert asked(client, sale, *PAGES[which]).status_code == 404


def test_no_form_releases_another_buyers_objects(client, sale):
    client.force_login(UserFactory())

    asked(client, sale, *PAGES["leaving"])
    asked(client, sale, *PAGES["letting go"])

    assert QueueToken.objects.get(pk=sale.place).is_admitted
    assert Reservation.objects.get(pk=sale.hold).status == "HOLD"


@pytest.mark.parametrize("call", [call for call in CALLS if call in ONES_OWN])
def test_no_call_finds_another_users_objects(app, sale, call):
    answer = asked(app(UserFactory()), sale, *CALLS[call], **{"Idempotency-Key": "k"})

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_another_buyers_hold_cannot_be_paid(app, sale):
    answer = app(UserFactory(won=100_000)).post(
        "/api/v1/payments/",
        {"reservations": [str(sale.hold)]},
        format="json",
        headers={"Idempotency-Key": "k"},
    )

    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert Reservation.objects.get(pk=sale.hold).status == "HOLD"


@pytest.mark.parametrize("call", ["reservations", "tickets", "history"])
def test_a_list_contains_only_the_users_own_objects(app, sale, call):
    assert asked(app(sale.owner), sale, *CALLS[call]).json()["results"]
    assert asked(app(UserFactory()), sale, *CALLS[call]).json()["results"] == []


# Page 1 by its number is read as a later page is.
@pytest.mark.parametrize("listed", ["tickets/", "tickets/?page=1", "reservations/", "balance/"])
def test_a_page_lists_only_the_users_own_rows(client, sale, listed):
    found = []
    for user in (sale.owner, UserFactory()):
        client.force_login(user)
        found.append(client.get(f"/{listed}").context["page"].object_list)

    assert found[0]
    assert not found[1]


def test_a_balance_is_only_the_users_own(app, sale):
    assert asked(app(UserFactory()), sale, *CALLS["balance"]).json() == {"amount": 0}


def test_a_charge_goes_to_the_users_own_balance():
    users = [UserFactory(won=1_000), UserFactory(won=2_000)]
    assert [balance_amount(user=user) for user in users] == [1_000, 2_000]


def test_the_checkout_offers_only_the_buyers_own_holds(client, sale):
    client.force_login(UserFactory())
    assert str(sale.hold) not in client.get("/checkout/").content.decode()


def test_other_buyers_holds_do_not_count_against_the_purchase_limit(client, sale):
    other = UserFactory()
    held(other, sale.schedule, 3)
    client.force_login(other)

    page = client.get(f"/schedules/{sale.schedule.pk}/seats/")

    assert page.context["quota"].allowance == sale.schedule.purchase_limit - 1


def test_a_join_finds_the_users_own_place_only(sale):
    place, joined = join(user=UserFactory(), slug=sale.room.slug)

    assert joined
    assert place.token != sale.place


def test_the_reason_of_an_end_is_shown_to_its_owner_only(sale):
    leave(user=sale.owner, token=sale.place)

    assert how_it_ended(user=sale.owner, room=sale.room) == "LEFT"
    assert how_it_ended(user=UserFactory(), room=sale.room) == ""


def test_a_draw_page_shows_only_the_users_own_lot():
    room = WaitingRoomFactory(shuffle=True, state="PAUSED")
    user, other = UserFactory.create_batch(2)
    place, _joined = join(user=user, slug=room.slug)

    assert find_lot(user=user, draw=room.draw).token == place.token
    assert find_lot(user=other, draw=room.draw) is None


def test_an_unknown_object_is_answered_like_another_users_object(app, sale):
    stranger = app(UserFactory())
    theirs = stranger.get(f"/api/v1/tickets/{sale.ticket}/")
    unknown = stranger.get(f"/api/v1/tickets/{uuid.uuid4()}/")

    assert theirs.json() == unknown.json()


def two_overdue_holds():
    schedule = ScheduleFactory()
    user, other = UserFactory.create_batch(2)
    holds = [*held(user, schedule, 1), *held(other, schedule, 2)]
    overdue(*holds)
    return schedule, user, holds


def statuses(holds):
    return [Reservation.objects.get(pk=hold.pk).status for hold in holds]


def test_a_hold_frees_the_buyers_own_overdue_holds_only():
    schedule, user, holds = two_overdue_holds()

    hold_seats(user=user, schedule_id=schedule.pk, numbers=[3])

    assert statuses(holds) == ["EXPIRED", "HOLD"]


def test_reading_the_seat_map_frees_the_buyers_own_overdue_holds_only():
    _schedule, user, holds = two_overdue_holds()

    list(my_reservations(user=user))

    assert statuses(holds) == ["EXPIRED", "HOLD"]


# --- Before Django -------------------------------------------------------------------------------


def write(user, **columns):
    """Bypass UserQuerySet.update, which would end the sessions, so that each guard is tested
    alone."""
    QuerySet(User).filter(pk=user.pk).update(**columns)


def another_password(user):
    write(user, password=make_password("another horse battery"))


def the_session_over(user):
    Session.objects.all().delete()


def the_session_past_its_time(user):
    Session.objects.update(expire_date=timezone.now())


def not_active(user):
    write(user, is_active=False)


@pytest.mark.parametrize(
    "now",
    [another_password, the_session_over, the_session_past_its_time, not_active],
    ids=lambda change: change.__name__.replace("_", " "),
)
def test_an_ended_session_buys_nothing(now):
    user = UserFactory()
    header = {"HTTP_AUTHORIZATION": f"Bearer {issue_tokens(user).access}"}
    assert load_user(read_authorization(header)) == user

    now(user)

    with pytest.raises(FallThrough):
        load_user(read_authorization(header))
