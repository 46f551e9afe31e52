"""A form sent after the session ended, or after another log-in, leads back to its page."""

import re

import pytest
from django.contrib import admin
from django.contrib.admindocs.views import simplify_regex
from django.test import Client
from django.urls import URLResolver, get_resolver, reverse

from tests.factories import (
    PASSWORD,
    ScheduleFactory,
    UserFactory,
    WaitingRoomFactory,
    admitted,
    bought,
    held,
)

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


# But for what a browser loads without a log-in.
OF_THE_STAFF = (
    "/accounts/confirm/",
    "/door/",
    *(f"/door/{page}/" for page in ("conflicts", "guests", "recent", "scan", "show")),
)


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

    # 403: a page of the staff. 410: the link was used or is invalid.
    allowed = {403} if address in OF_THE_STAFF else {200, 404, 410}
    assert response.status_code in allowed


@pytest.mark.parametrize("address", ["/reservations/{}/release/", "/places/{}/leave/"])
def test_asking_for_the_address_of_a_form_changes_nothing(client, buyer, names, address):
    client.force_login(buyer)
    name = "reservation_id" if "release" in address else "token"

    client.get(address.format(names[name]))

    assert client.get("/checkout/").context["my_holds"]
    assert client.get(f"/rooms/{names['slug']}/").context["place"].status == "ACTIVE"


def dialogs():
    """Every dialog of the admin, as the name of its address and the factory of its row."""
    rows = {"waitingroom": WaitingRoomFactory, "concertschedule": ScheduleFactory}
    for model, model_admin in admin.site._registry.items():
        for action in model_admin.actions_detail:
            if getattr(getattr(model_admin, action), "dialog", None):
                opts = model._meta
                name = f"admin:{opts.app_label}_{opts.model_name}_{action}"
                yield pytest.param(name, rows[opts.model_name], id=action)


@pytest.mark.parametrize("by_htmx", [True, False])
@pytest.mark.parametrize(("name", "factory"), list(dialogs()))
def test_a_dialog_of_a_session_that_is_over_leads_to_the_page_that_it_opens_on(
    client, name, factory, by_htmx
):
    row = factory()
    address = reverse(name, args=[row.pk])
    opts = row._meta
    page = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[row.pk])
    htmx = {"HX-Request": "true", "Referer": f"http://testserver{page}"} if by_htmx else {}

    for send in (client.get, client.post):
        sent = send(address, headers={"Accept-Language": "en", **htmx})
        log_in_page = sent["HX-Redirect" if by_htmx else "Location"]

    asked = client.get(log_in_page, headers={"Accept-Language": "en"})
    assert NOTHING_SENT in asked.content.decode()
    operator = UserFactory(is_staff=True, is_superuser=True)
    response = log_in_at(client, log_in_page, operator)
    assert response.status_code == 200
    assert response.redirect_chain[-1][0].removeprefix("http://testserver") == page
    assert "</html>" in response.content.decode()


def test_a_form_of_the_admin_leads_back_to_it_and_says_that_nothing_was_sent(client):
    schedule = ScheduleFactory()
    page = reverse("admin:concerts_concertschedule_change", args=[schedule.pk])

    asked = client.post(page, {}, follow=True, headers={"Accept-Language": "en"})

    assert NOTHING_SENT in asked.content.decode()
    operator = UserFactory(is_staff=True, is_superuser=True)
    response = log_in_at(client, asked.redirect_chain[-1][0], operator)
    assert response.redirect_chain[-1][0] == page


def test_a_dialog_of_before_another_log_in_leads_to_its_page_which_says_why(operator_page):
    client, page, address = operator_page

    sent = client.post(
        address, {"_form_submitted": "True"}, headers={"HX-Request": "true", "Referer": page}
    )

    assert sent["HX-Redirect"] == page
    assert "Nothing was changed" in client.get(page).content.decode()


@pytest.fixture
def operator_page():
    client = Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    room = WaitingRoomFactory()
    page = reverse("admin:queueing_waitingroom_change", args=[room.pk])
    address = reverse("admin:queueing_waitingroom_close_room", args=[room.pk])
    return client, f"http://testserver{page}", address


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
