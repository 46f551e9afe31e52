"""A form that is sent after the log-in is over, or after another log-in, leads back to its page."""

import re

import pytest
from django.contrib.admindocs.views import simplify_regex
from django.test import Client
from django.urls import URLResolver, get_resolver

from tests.factories import PASSWORD, ScheduleFactory, UserFactory, admitted, bought, held

pytestmark = pytest.mark.django_db(transaction=True)

NOTHING_SENT = "Please log in first: nothing was sent. Then send it again."
UNKNOWN = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def buyer():
    return UserFactory(won=20_000)


@pytest.fixture
def names(buyer):
    schedule = ScheduleFactory()
    return {
        "token": admitted(buyer, schedule).pk,
        "slug": schedule.concert.waiting_room.slug,
        "schedule_id": schedule.pk,
        "concert_id": schedule.concert_id,
        "ticket_id": bought(buyer, schedule, 1).tickets[0].pk,
        "reservation_id": held(buyer, schedule, 2)[0].pk,
    }


def log_in_at(client, address, user):
    form = {"login": user.email, "password": PASSWORD}
    return client.post(address, form, follow=True, headers={"Accept-Language": "en"})


@pytest.mark.parametrize(
    ("address", "form", "page"),
    [
        ("/schedules/{schedule_id}/seats/", {"seats": ["3"]}, "/schedules/{schedule_id}/seats/"),
        ("/checkout/", {"reservations": ["{reservation_id}"], "key": UNKNOWN}, "/checkout/"),
        ("/reservations/{reservation_id}/release/", {}, "/checkout/"),
        ("/tickets/{ticket_id}/cancel/", {"key": UNKNOWN}, "/tickets/{ticket_id}/cancel/"),
        ("/places/{token}/leave/", {}, "/rooms/{slug}/"),
        ("/rooms/{slug}/?next=/checkout/", {}, "/rooms/{slug}/?next=/checkout/"),
        ("/balance/?next=/checkout/", {"amount": 5}, "/balance/?next=/checkout/"),
    ],
)
def test_a_form_of_a_session_that_is_over_leads_to_its_page_after_the_log_in(
    client, buyer, names, address, form, page
):
    asked = client.post(
        address.format(**names), form, follow=True, headers={"Accept-Language": "en"}
    )
    assert NOTHING_SENT in asked.content.decode()

    response = log_in_at(client, asked.redirect_chain[-1][0], buyer)

    assert response.status_code == 200
    assert response.redirect_chain[-1][0] == page.format(**names)
    buyer.balance.refresh_from_db()
    assert buyer.balance.amount == 10_000


def page_addresses():
    """Every address outside the API and the admin, as a format string."""

    def walk(resolver, before):
        for pattern in resolver.url_patterns:
            route = before + str(pattern.pattern)
            if route.startswith(("api/", "admin/")):
                continue
            if isinstance(pattern, URLResolver):
                yield from walk(pattern, route)
            else:
                yield route

    for route in walk(get_resolver(), ""):
        yield "/" + re.sub(r"<(?:\w+:)?(\w+)>", r"{\1}", simplify_regex(route).lstrip("/"))


@pytest.mark.parametrize("address", sorted(set(page_addresses())))
def test_every_page_answers_get(client, buyer, names, address):
    client.force_login(buyer)
    known = names | {"key": "x", "uidb36": "1"}
    given = re.sub(r"\{(\w+)\}", lambda name: str(known.get(name[1], "x")), address)

    response = client.get(given, follow=True)

    # 410: the link was used, or is none of ours.
    assert response.status_code in {200, 404, 410}


@pytest.mark.parametrize("address", ["/reservations/{}/release/", "/places/{}/leave/"])
def test_asking_for_the_address_of_a_form_changes_nothing(client, buyer, names, address):
    client.force_login(buyer)
    name = "reservation_id" if "release" in address else "token"

    client.get(address.format(names[name]))

    assert client.get("/checkout/").context["my_holds"]
    assert client.get(f"/rooms/{names['slug']}/").context["place"].status == "ACTIVE"


def test_the_log_in_says_nothing_of_a_form_to_a_visitor_who_sent_none(client):
    response = client.get("/checkout/", follow=True, headers={"Accept-Language": "en"})

    assert NOTHING_SENT not in response.content.decode()


@pytest.mark.parametrize("language", ["ko", "en"])
@pytest.mark.parametrize(
    ("address", "referrer", "back"),
    [
        ("/checkout/", "http://testserver/checkout/?a=1", "http://testserver/checkout/?a=1"),
        ("/checkout/", "", "/checkout/"),
        ("/checkout/", "https://evil.example/", "/checkout/"),
        ("/accounts/login/?next=/tickets/", "", "/accounts/login/?next=/tickets/"),
        ("/accounts/logout/", "http://testserver/tickets/", "http://testserver/tickets/"),
        ("/i18n/setlang/", "http://testserver/tickets/", "http://testserver/tickets/"),
    ],
)
def test_a_form_of_before_another_log_in_is_refused_and_leads_back(
    buyer, language, address, referrer, back
):
    client = Client(enforce_csrf_checks=True, headers={"Accept-Language": language})
    client.force_login(buyer)

    response = client.post(address, headers={"Referer": referrer})

    assert response.status_code == 403
    assert f'href="{back}"' in response.content.decode()
    assert client.get(back.removeprefix("http://testserver"), follow=True).status_code == 200


def test_the_language_is_changed_where_the_visitor_is_also_after_the_session_is_over(client):
    here = "/rooms/any/?next=/checkout/"

    response = client.post("/i18n/setlang/", {"language": "en", "next": here})

    assert response["Location"] == here
