"""No cache stores a page or an answer, except public ones."""

import pytest
from django.conf import settings
from django.test import Client

from tests.factories import (
    PASSWORD,
    ScheduleFactory,
    StaffFactory,
    UserFactory,
    admitted,
    bought,
    held,
)

pytestmark = pytest.mark.django_db(transaction=True)

RULE = "concertbook.http.middleware.NoStoreMiddleware"
UNKNOWN = "00000000-0000-0000-0000-000000000000"
PAGES = [
    "/rooms/{room}/",
    "/rooms/{room}/draw/lot/",
    "/visitor/",
    "/places/{place}/",
    "/schedules/{schedule}/seats/",
    "/checkout/",
    "/reservations/",
    "/tickets/",
    "/tickets/{ticket}/",
    "/tickets/{ticket}/qr.svg",
    "/tickets/{ticket}/ticket.pdf",
    "/tickets/{ticket}/ticket.ics",
    "/tickets/{ticket}/cancel/",
    "/balance/",
    "/accounts/login/",
    "/accounts/logout/",
    "/no/such/page/",
    f"/tickets/{UNKNOWN}/",
]
ANSWERS = [
    "/api/v1/me/",
    "/api/v1/me/balance/",
    "/api/v1/me/balance/history/",
    "/api/v1/reservations/",
    "/api/v1/reservations/{reservation}/",
    "/api/v1/tickets/",
    "/api/v1/tickets/{ticket}/",
    "/api/v1/tickets/{ticket}/qr.svg",
    "/api/v1/tickets/{ticket}/refund-quote/",
    "/api/v1/queue-tokens/{place}/",
    f"/api/v1/tickets/{UNKNOWN}/",
    "/api/v1/no/such/address/",
    "/api/v1/without/a/slash",
]
PUBLIC = [
    "/",
    "/en/",
    "/concerts/{concert}/",
    "/ko/concerts/{concert}/",
    "/api/v1/concerts/",
    "/api/v1/concerts/{concert}/",
    "/api/v1/concerts/{concert}/schedules/",
    "/api/v1/schedules/{schedule}/",
    "/api/v1/schedules/{schedule}/seat-plan/",
    "/api/v1/waiting-rooms/{room}/",
]


@pytest.fixture
def buyer():
    return UserFactory(won=10_000)


@pytest.fixture
def names(buyer):
    schedule = ScheduleFactory()
    place = admitted(buyer, schedule)
    return {
        "schedule": schedule.pk,
        "concert": schedule.concert_id,
        "room": schedule.concert.waiting_room.slug,
        "place": place.pk,
        "ticket": bought(buyer, schedule, 1).tickets[0].pk,
        "reservation": held(buyer, schedule, 2)[0].pk,
    }


@pytest.mark.parametrize("address", [*PAGES, *ANSWERS])
def test_a_page_or_an_answer_is_not_stored(client, buyer, names, address):
    client.force_login(buyer)

    assert "no-store" in client.get(address.format(**names))["Cache-Control"]


@pytest.mark.parametrize("address", ["/checkout/", "/admin/", "/balance/"])
def test_the_way_to_the_log_in_is_not_stored(client, address):
    response = client.get(address)

    assert response.status_code == 302
    assert "no-store" in response["Cache-Control"]


@pytest.mark.parametrize("address", ["/admin/", "/admin/accounts/user/", "/admin/no/such/page/"])
def test_a_page_of_the_admin_is_not_stored(client, address):
    client.force_login(StaffFactory(is_superuser=True))

    assert "no-store" in client.get(address)["Cache-Control"]


def test_a_refused_form_and_an_error_are_not_stored(buyer):
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(buyer)

    assert "no-store" in client.post("/checkout/")["Cache-Control"]
    assert "no-store" in client.get("/", headers={"Host": "else.example"})["Cache-Control"]


def test_the_answers_to_log_in_and_sign_up_are_not_stored(app):
    account = {"email": "a@example.com", "password": PASSWORD, "name": "A"}

    for address in ("signup", "login"):
        answer = app().post(f"/api/v1/auth/{address}/", account, format="json")
        assert answer["Cache-Control"] == "no-store"


@pytest.mark.parametrize("address", PUBLIC)
def test_public_answers_may_be_stored_for_a_second(client, names, address):
    kept = client.get(address.format(**names))["Cache-Control"]

    assert kept == "public, max-age=0, s-maxage=1, stale-while-revalidate=1"


def test_the_schema_may_be_stored_and_is_revalidated(client):
    assert client.get("/api/v1/schema/")["Cache-Control"] == "public, no-cache"


@pytest.mark.parametrize("path", ["seats/", "seats/changes/", "seat-state/"])
def test_the_seat_map_is_private_and_revalidated(app, buyer, names, path):
    address = f"/api/v1/schedules/{names['schedule']}/{path}"

    first = app(buyer).get(address)
    again = app(buyer).get(address, HTTP_IF_NONE_MATCH=first["ETag"])

    assert (first.status_code, again.status_code) == (200, 304)
    for answer in (first, again):
        assert {"private", "no-cache"} <= set(answer["Cache-Control"].split(", "))


def test_the_rule_covers_every_middleware_but_static_files_and_transport():
    outside = settings.MIDDLEWARE[: settings.MIDDLEWARE.index(RULE)]

    assert outside == [
        "django.middleware.security.SecurityMiddleware",
        "concertbook.http.static_files.StaticFilesMiddleware",
    ]
