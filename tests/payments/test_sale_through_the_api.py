"""The whole sale through the API, as a mobile app."""

import uuid

import pytest

from tests.factories import ConcertFactory, ScheduleFactory

pytestmark = pytest.mark.django_db


def test_a_newcomer_can_sign_up_buy_a_seat_and_cancel_it(app, fresh):
    schedule = ScheduleFactory(seats=5, price=50_000)
    slug = schedule.concert.waiting_room.slug
    client = app()

    signed_up = client.post(
        "/api/v1/auth/signup/",
        {"email": "Buyer@Example.com", "password": "a long enough one", "name": "팬"},
        format="json",
    )
    assert signed_up.status_code == 201, signed_up.content
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {signed_up.json()['access']}")
    me = client.get("/api/v1/me/").json()
    assert me["email"] == "buyer@example.com"
    assert me["name"] == "팬"

    charged = client.post("/api/v1/me/balance/charges/", {"amount": 200_000}, format="json")
    assert charged.status_code == 201, charged.content
    assert charged.json()["balance"] == 200_000

    concerts = client.get("/api/v1/concerts/").json()["results"]
    assert [concert["waiting_room"] for concert in concerts] == [slug]
    schedules = client.get(f"/api/v1/concerts/{concerts[0]['id']}/schedules/").json()["results"]
    assert schedules[0]["seats_available"] == 5
    assert schedules[0]["reserve_from"].endswith("Z")

    joined = client.post(f"/api/v1/waiting-rooms/{slug}/tokens/", format="json")
    assert joined.status_code == 201, joined.content
    token = joined.json()["token"]
    again = client.post(f"/api/v1/waiting-rooms/{slug}/tokens/", format="json")
    assert again.status_code == 200
    assert again.json()["token"] == token
    place = client.get(f"/api/v1/queue-tokens/{token}/")
    assert place.json()["status"] == "ACTIVE"
    assert "Retry-After" in place.headers

    seats = client.get(f"/api/v1/schedules/{schedule.pk}/seats/", headers={"Queue-Token": token})
    assert [seat["status"] for seat in seats.json()["seats"]] == ["AVAILABLE"] * 5
    unchanged = client.get(
        f"/api/v1/schedules/{schedule.pk}/seats/", headers={"If-None-Match": seats["ETag"]}
    )
    assert unchanged.status_code == 304

    held = client.post(
        f"/api/v1/schedules/{schedule.pk}/reservations/",
        {"seats": [2, 3]},
        format="json",
        headers={"Queue-Token": token},
    )
    assert held.status_code == 201, held.content
    assert held.json()["total"] == 100_000
    ids = [reservation["id"] for reservation in held.json()["reservations"]]

    paid = client.post(
        "/api/v1/payments/",
        {"reservations": ids},
        format="json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert paid.status_code == 201, paid.content
    assert paid.json()["balance"] == 100_000
    tickets = client.get("/api/v1/tickets/").json()["results"]
    assert sorted(ticket["seat_number"] for ticket in tickets) == [2, 3]
    qr = client.get(f"/api/v1/tickets/{tickets[0]['id']}/qr.svg")
    assert qr["Content-Type"] == "image/svg+xml"

    quote = client.get(f"/api/v1/tickets/{tickets[0]['id']}/refund-quote/").json()
    cancelled = client.post(
        f"/api/v1/tickets/{tickets[0]['id']}/cancel/",
        format="json",
        headers={"Idempotency-Key": str(uuid.uuid4())},
    )
    assert cancelled.status_code == 200, cancelled.content
    assert cancelled.json()["amount"] == quote["amount"]
    balance = client.get("/api/v1/me/balance/").json()["amount"]
    assert balance == 100_000 + quote["amount"]
    history = client.get("/api/v1/me/balance/history/").json()["results"]
    assert [line["type"] for line in history] == [
        "CANCELLATION",
        "RESERVATION",
        "RESERVATION",
        "CHARGE",
    ]
    assert client.get(f"/api/v1/schedules/{schedule.pk}/").json()["seats_available"] == 4

    client.post("/api/v1/auth/logout/")
    assert client.get("/api/v1/me/").status_code == 401


def test_the_on_sale_filter_leaves_out_what_cannot_be_bought(app):
    ConcertFactory(title="nothing on sale")
    on_sale = ScheduleFactory().concert

    found = app().get("/api/v1/concerts/?on_sale=true").json()["results"]

    assert [concert["id"] for concert in found] == [str(on_sale.pk)]
