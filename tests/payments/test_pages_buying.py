"""The pages of buying: seats, checkout, tickets, and refusals."""

import re

import pytest
from django.test import Client

from accounts.models import BalanceHistory
from concertbook.db.group_commit import Retry
from concerts.seat_index import looks
from payments.models import Reservation, Ticket
from payments.services import group_commits
from tests.factories import (
    CONSENTS,
    ScheduleFactory,
    UserFactory,
    admitted,
    balance_of,
    bought,
    held,
    overdue,
    scanned,
)

pytestmark = pytest.mark.django_db(transaction=True)

UNKNOWN = "00000000-0000-0000-0000-000000000000"


def came_from(address):
    """The Referer header of a form."""
    return {"Referer": f"http://testserver{address}"}


@pytest.mark.parametrize(
    "address",
    [
        "/balance/",
        "/checkout/",
        "/reservations/",
        "/tickets/",
        f"/tickets/{UNKNOWN}/",
        f"/tickets/{UNKNOWN}/qr.svg",
        f"/tickets/{UNKNOWN}/cancel/",
        f"/schedules/{UNKNOWN}/seats/",
        "/rooms/any/",
    ],
)
def test_anonymous_people_are_sent_to_the_log_in(client, address):
    response = client.get(address)

    assert response.status_code == 302
    assert response["Location"] == f"/accounts/login/?next={address}"


def test_a_newcomer_can_buy_and_cancel_with_nothing_but_forms(client):
    schedule = ScheduleFactory(seats=5, price=50_000)
    seats = f"/schedules/{schedule.pk}/seats/"
    room = f"/rooms/{schedule.concert.waiting_room.slug}/?next={seats}"

    client.post(
        "/accounts/signup/",
        {"email": "new@example.com", "name": "새 팬", "password1": "a long enough one", **CONSENTS},
    )
    form = client.get("/balance/").context["form"]
    charge = {"amount": 120_000, "key": form["key"].value()}
    assert client.post("/balance/?next=/tickets/", charge)["Location"] == "/tickets/"

    assert room.split("?")[0] in client.get(f"/concerts/{schedule.concert_id}/").content.decode()
    assert client.post(room)["Location"] == seats
    assert client.get(seats).context["quota"].allowance == 4
    assert client.post(seats, {"seats": [2, 3]})["Location"] == "/checkout/"
    checkout = client.get("/checkout/")
    assert checkout.context["total"] == 100_000
    ids = [hold.pk for hold in checkout.context["my_holds"]]
    key = checkout.context["once"]["key"].value()
    pay = {"reservations": ids, "key": key, "agreed": "on"}
    order = client.post("/checkout/", pay, follow=True)
    assert order.redirect_chain[-1][0] == f"/orders/{ids[0]}/"
    assert len(order.context["order"].payments) == 2
    assert client.get("/tickets/").context["page"].paginator.count == 2

    ticket = Ticket.objects.get(seat_number=2)
    assert f'id="qr-{ticket.pk}"' in client.get(f"/tickets/{ticket.pk}/").content.decode()
    assert client.get(f"/tickets/{ticket.pk}/qr.svg")["Content-Type"] == "image/svg+xml"
    asked = client.get(f"/tickets/{ticket.pk}/cancel/").context
    assert asked["quote"].amount > 0
    client.post(f"/tickets/{ticket.pk}/cancel/", {"key": asked["once"]["key"].value()})
    ticket.refresh_from_db()
    assert ticket.status == Ticket.Status.CANCELLED
    assert f"qr-{ticket.pk}" not in client.get(f"/tickets/{ticket.pk}/").content.decode()
    assert client.get("/reservations/").context["page"].paginator.count == 2


@pytest.mark.parametrize("group", [group_commits.HOLDS, group_commits.PAYMENTS])
def test_the_pages_hold_and_pay_in_group_commits_or_alone_where_those_cannot(
    client, monkeypatch, group
):
    tried = []

    def cannot(request):
        tried.append(request)
        raise Retry

    monkeypatch.setattr(group, "do", cannot)
    user = UserFactory(won=50_000)
    schedule = ScheduleFactory(price=10_000)
    admitted(user, schedule)
    client.force_login(user)

    client.post(f"/schedules/{schedule.pk}/seats/", {"seats": [1]})
    page = client.get("/checkout/").context
    form = {
        "reservations": [hold.pk for hold in page["my_holds"]],
        "key": page["once"]["key"].value(),
        "agreed": "on",
    }
    client.post("/checkout/", form)

    assert balance_of(user) == 40_000
    assert [request.user for request in tried] == [user]


def test_a_charge_form_sent_twice_charges_once(client):
    user = UserFactory()
    client.force_login(user)
    form = client.get("/balance/").context["form"]
    charge = {"amount": 30_000, "key": form["key"].value()}

    client.post("/balance/", charge)
    client.post("/balance/", charge)

    assert balance_of(user) == 30_000


@pytest.mark.parametrize("amount", ["", "0", "-5", "1.5", "x", "10000001", "9" * 5000, "\x00"])
def test_an_invalid_amount_charges_nothing_and_says_so(client, amount):
    user = UserFactory()
    client.force_login(user)

    response = client.post("/balance/", {"amount": amount, "key": UNKNOWN})

    assert response.status_code == 200
    assert response.context["form"].errors
    assert balance_of(user) == 0


def test_a_declined_charge_is_told_and_stands_in_the_history(client):
    client.force_login(UserFactory())

    charge = {"amount": 40_001, "key": UNKNOWN}
    page = client.post("/balance/?type=CHARGE", charge, follow=True)

    (line,) = page.context["page"]
    assert line.status == BalanceHistory.Status.FAILED
    assert page.context["form"]["amount"].value() == "40001"
    assert "카드 승인 거절: 40,001원" in page.content.decode()
    assert client.get("/balance/?type=RESERVATION").context["page"].paginator.count == 0


def test_the_sandbox_is_named_only_where_it_is_in_use(client, settings):
    client.force_login(UserFactory())

    assert "40,001" in client.get("/balance/").content.decode()
    settings.PAYMENT_GATEWAY = "tests.payments.test_pages_buying.RealGateway"
    assert "40,001" not in client.get("/balance/").content.decode()


class RealGateway:
    """Stands for a gateway that is not the sandbox; the page only checks its class."""


def test_the_seat_map_sends_the_unadmitted_to_the_waiting_room_and_back(client):
    schedule = ScheduleFactory()
    client.force_login(UserFactory())
    seats = f"/schedules/{schedule.pk}/seats/"

    looked = client.get(seats)
    tried = client.post(seats, {"seats": [1]})

    room = f"/rooms/{schedule.concert.waiting_room.slug}/"
    for response in [looked, tried]:
        assert response["Location"].startswith(f"{room}?next=")
        assert client.get(response["Location"]).context["next"] == seats
    assert not Reservation.objects.exists()


def test_the_list_has_the_free_seats_and_mine_and_no_taken_ones(client):
    schedule = ScheduleFactory(seats=4)
    held(UserFactory(), schedule, 1)
    bought(UserFactory(won=10_000), schedule, 2)
    me = UserFactory()
    held(me, schedule, 3)
    client.force_login(me)

    response = client.get(f"/schedules/{schedule.pk}/seats/", headers={"Accept-Language": "en"})

    page = response.content.decode()
    listed = re.findall('<input type="checkbox" name="seats" value="([0-9]+)"(.*?)>', page)
    assert listed == [
        ("3", ' disabled aria-label="row A seat 3, R ₩10,000, held by you"'),
        ("4", ' aria-label="row A seat 4, R ₩10,000"'),
    ]
    assert response.context["quota"].allowance == 3


@pytest.mark.parametrize("seats", [[], ["x"], ["1.5"], ["99"], ["-1"], ["9" * 30], ["1", "1"]])
def test_a_hold_without_valid_seats_holds_nothing_and_says_so(client, seats):
    schedule = ScheduleFactory(seats=3)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    address = f"/schedules/{schedule.pk}/seats/"

    response = client.post(address, {"seats": seats}, headers=came_from(address), follow=True)

    assert response.redirect_chain[-1][0].endswith(address)
    assert 'role="alert"' in response.content.decode()
    assert not Reservation.objects.exists()


def test_a_taken_seat_is_named_with_the_nearest_free_ones(client):
    schedule = ScheduleFactory(seats=6)
    held(UserFactory(), schedule, 2)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    address = f"/schedules/{schedule.pk}/seats/"
    english = {"Accept-Language": "en"}

    response = client.post(address, {"seats": [2, 3]}, headers=english, follow=True)

    assert response.redirect_chain == [(f"{address}?taken=2&taken=3&refused=2", 302)]
    instead = response.context["instead"]
    assert [seat.label for seat in instead["gone"]] == ["A-2"]
    assert instead["numbers"] == [3, 4]
    page = response.content.decode()
    assert 'role="alert"' in page
    assert "Hold these 2 seats" in page
    assert client.post(address, {"seats": instead["numbers"]})["Location"] == "/checkout/"


def test_a_script_is_told_where_to_go_on_or_what_is_nearest(client):
    schedule = ScheduleFactory(seats=6)
    held(UserFactory(), schedule, 2)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    address = f"/schedules/{schedule.pk}/seats/"

    def hold(*numbers):
        headers = {"Accept": "application/json", "Accept-Language": "en"}
        return client.post(address, {"seats": numbers}, headers=headers).json()

    problem = hold(2, 3)["refusal"]
    assert (problem["code"], problem["seat"], problem["nearest"]) == ("seat_taken", 2, [3, 4])
    assert hold(3, 4) == {"next": "/checkout/"}
    # The answer was lost, and it is sent again.
    assert hold(3, 4) == {"next": "/checkout/"}
    assert Reservation.objects.filter(user=user).count() == 2
    assert hold(99)["refusal"]["code"] == "seat_not_found"
    assert hold("x")["refusal"]["code"] == "seat_not_found"


def test_when_the_offered_seats_are_gone_too_the_next_nearest_are_offered(client, fresh):
    schedule = ScheduleFactory(seats=6)
    rival = UserFactory()
    held(rival, schedule, 1)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    address = f"/schedules/{schedule.pk}/seats/"

    first = client.post(address, {"seats": [1]}, follow=True).context["instead"]["numbers"]
    held(rival, schedule, *first)
    second = client.post(address, {"seats": first}, follow=True).context["instead"]["numbers"]
    held(rival, schedule, *second)

    assert (first, second) == ([2], [3])
    assert client.get(f"{address}?taken=3").context["instead"]["numbers"] == [4]


def test_a_seat_that_was_just_refused_is_not_offered(client, monkeypatch):
    monkeypatch.setattr(looks, "REBUILT_IF_CHANGED", 10**9)
    schedule = ScheduleFactory(seats=6)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    address = f"/schedules/{schedule.pk}/seats/"
    client.get(address)
    held(UserFactory(), schedule, 1)

    page = client.post(address, {"seats": [1]}, follow=True)

    assert page.context["instead"]["numbers"] == [2]


def test_when_nothing_is_left_it_says_so(client):
    schedule = ScheduleFactory(seats=1)
    held(UserFactory(), schedule, 1)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)

    page = client.get(
        f"/schedules/{schedule.pk}/seats/?taken=1", headers={"Accept-Language": "en"}
    ).content.decode()

    assert "There are no other free seats of this grade right now." in page


@pytest.mark.parametrize("taken", ["x", "-1", "9" * 30, "", "99", "1.5", "%00"])
def test_an_address_with_no_seat_of_ours_shows_the_map_and_no_offer(client, taken):
    schedule = ScheduleFactory(seats=1)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)

    response = client.get(f"/schedules/{schedule.pk}/seats/?taken={taken}")

    assert response.status_code == 200
    assert response.context["instead"] is None


def test_the_second_click_of_two_leads_to_the_checkout_too(client):
    schedule = ScheduleFactory(seats=3)
    user = UserFactory()
    admitted(user, schedule)
    client.force_login(user)
    address = f"/schedules/{schedule.pk}/seats/"

    for _click in range(2):
        assert client.post(address, {"seats": [1, 2]})["Location"] == "/checkout/"

    assert Reservation.objects.count() == 2


def test_an_expired_hold_is_gone_from_the_checkout_and_cannot_be_paid(client):
    user = UserFactory(won=50_000)
    (reservation,) = held(user, ScheduleFactory(), 1)
    client.force_login(user)
    overdue(reservation)

    client.post("/checkout/", {"reservations": [reservation.pk], "key": UNKNOWN, "agreed": "on"})

    assert "my_holds" not in client.get("/checkout/").context
    assert balance_of(user) == 50_000


@pytest.mark.parametrize("wanted", [[], ["x"], [UNKNOWN]])
def test_paying_for_nothing_of_mine_is_refused(client, wanted):
    client.force_login(UserFactory(won=50_000))

    response = client.post(
        "/checkout/", {"reservations": wanted, "key": UNKNOWN, "agreed": "on"}, follow=True
    )

    assert 'role="alert"' in response.content.decode()


def test_letting_go_frees_the_seat(client):
    user = UserFactory()
    (reservation,) = held(user, ScheduleFactory(), 1)
    client.force_login(user)

    client.post(f"/reservations/{reservation.pk}/release/")

    reservation.refresh_from_db()
    assert reservation.status == Reservation.Status.CANCELLED


def test_another_buyers_objects_are_not_found(client):
    schedule = ScheduleFactory()
    owner = UserFactory(won=10_000)
    (ticket,) = bought(owner, schedule, 1).tickets
    (reservation,) = held(owner, schedule, 2)
    client.force_login(UserFactory())

    for address in ["", "qr.svg", "cancel/"]:
        assert client.get(f"/tickets/{ticket.pk}/{address}").status_code == 404
    client.post(f"/tickets/{ticket.pk}/cancel/", {"key": UNKNOWN})
    client.post(f"/reservations/{reservation.pk}/release/")

    ticket.refresh_from_db()
    reservation.refresh_from_db()
    assert ticket.status == Ticket.Status.ISSUED
    assert reservation.status == Reservation.Status.HOLD


def test_a_used_ticket_shows_when_and_offers_no_refund(client):
    user = UserFactory(won=10_000)
    (ticket,) = bought(user, ScheduleFactory(doors_open=True), 1).tickets
    scanned(ticket, gate="3번 문")
    client.force_login(user)

    response = client.get(f"/tickets/{ticket.pk}/")

    assert response.context["shown"][0]["quote"] is None
    assert "3번 문" in response.content.decode()
    assert f"qr-{ticket.pk}" not in response.content.decode()


@pytest.mark.parametrize("address", ["/checkout/", "/balance/", "/accounts/login/"])
def test_a_form_without_its_token_is_refused_in_words(address):
    client = Client(enforce_csrf_checks=True)
    client.force_login(UserFactory())

    response = client.post(address)

    assert response.status_code == 403
    assert "<h1>" in response.content.decode()
