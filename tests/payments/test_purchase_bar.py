"""The bar of a running purchase: on every page, and looked for only where there may be one."""

import datetime as dt

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from concertbook.http.purchase_hint import NAME
from payments.models import Reservation
from payments.services.checkout import pay_reservations
from payments.services.releases import release_expired_holds, release_reservation
from queueing.models import QueueToken
from queueing.services.endings import end_tokens
from tests.factories import (
    PASSWORD,
    ScheduleFactory,
    UserFactory,
    admitted,
    held,
    overdue,
)

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ["/tickets/", "/balance/", "/accounts/", "/reservations/", "/visitor/?page=/&language=en"]


@pytest.fixture
def schedule():
    return ScheduleFactory()


@pytest.fixture
def user():
    return UserFactory(won=100_000)


@pytest.fixture
def browser(user):
    browser = Client(headers={"Accept-Language": "en"})
    browser.force_login(user)
    return browser


def inside(browser, user, schedule):
    """Admit the user, who looks at the seats."""
    admitted(user, schedule)
    assert browser.get(seats_of(schedule)).status_code == 200


def holding(browser, user, schedule, *numbers):
    """As inside, and hold seats, which the checkout shows."""
    inside(browser, user, schedule)
    reservations = held(user, schedule, *numbers)
    assert browser.get("/checkout/").status_code == 200
    return reservations


def seats_of(schedule):
    return f"/schedules/{schedule.pk}/seats/"


def bar(browser, address):
    """The part of the page, "" where it is empty."""
    page = browser.get(address).content.decode()
    _before, found, after = page.partition('<aside class="purchase"')
    return found and after.partition("</aside>")[0]


@pytest.mark.parametrize("address", PAGES)
def test_an_admission_is_shown_with_its_time_and_the_way_to_the_seats(
    browser, user, schedule, address
):
    inside(browser, user, schedule)

    shown = bar(browser, address)

    assert 'aria-current="step"><b>1</b>' in shown
    assert f'href="{seats_of(schedule)}"' in shown
    assert 'data-countdown="59' in shown


@pytest.mark.parametrize("address", [*PAGES, "/schedules/{}/seats/"])
def test_a_hold_is_shown_with_its_time_and_the_way_to_pay(browser, user, schedule, address):
    holding(browser, user, schedule, 1, 2)

    shown = bar(browser, address.format(schedule.pk))

    assert 'aria-current="step"><b>2</b>' in shown
    assert 'href="/checkout/"' in shown
    assert 'data-countdown="29' in shown


def test_the_page_of_the_step_does_not_link_to_itself(browser, user, schedule):
    holding(browser, user, schedule)

    assert "href" not in bar(browser, "/checkout/")


def test_the_seats_have_the_time_of_the_admission(browser, user, schedule):
    admitted(user, schedule)

    shown = bar(browser, seats_of(schedule))

    assert 'data-countdown="59' in shown
    assert "href" not in shown


def test_of_several_dates_the_bar_leads_to_the_one_that_was_chosen(browser, user, schedule):
    ScheduleFactory(concert=schedule.concert, start_at=schedule.start_at - dt.timedelta(days=1))
    inside(browser, user, schedule)

    assert seats_of(schedule) in bar(browser, "/tickets/")


def test_the_waiting_room_lets_the_bar_know_of_an_admission(browser, user, schedule):
    browser.post(f"/rooms/{schedule.concert.waiting_room.slug}/?next={seats_of(schedule)}")

    assert seats_of(schedule) in bar(browser, "/tickets/")


def test_a_hold_of_another_device_is_shown_after_the_log_in(user, schedule):
    held(user, schedule)
    browser = Client()
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})

    assert 'href="/checkout/"' in bar(browser, "/tickets/")


def test_a_hold_that_ran_out_is_told_with_the_way_back_to_its_seats(browser, user, schedule):
    overdue(*holding(browser, user, schedule))
    release_expired_holds()
    QueueToken.objects.filter(user=user).delete()

    shown = bar(browser, "/tickets/")

    assert "The time to pay is over." in shown
    assert "No money was taken." in shown
    assert f'href="{seats_of(schedule)}"' in shown
    assert "data-countdown" not in shown
    assert browser.cookies[NAME]["max-age"] == 60
    assert "The time to pay is over." in bar(browser, "/balance/")
    assert bar(browser, seats_of(schedule)) == ""


@pytest.mark.parametrize("swept", [True, False])
@pytest.mark.parametrize("address", ["/tickets/", "/schedules/{}/seats/"])
def test_a_buyer_who_is_still_inside_chooses_again(browser, user, schedule, swept, address):
    overdue(*holding(browser, user, schedule))
    if swept:
        release_expired_holds()

    shown = bar(browser, address.format(schedule.pk))

    assert "The time to pay is over." in shown
    assert 'aria-current="step"><b>1</b>' in shown
    assert "data-countdown" in shown


def test_an_admission_that_ran_out_is_told(browser, user, schedule):
    inside(browser, user, schedule)
    token = QueueToken.objects.get(user=user)
    end_tokens([token.pk], outcome="TIMED_OUT", now=timezone.now())

    shown = bar(browser, "/tickets/")

    assert "Your time to choose is over." in shown
    assert f'href="{seats_of(schedule)}"' in shown


def test_a_purchase_that_is_paid_or_given_up_leaves_no_bar(browser, user, schedule):
    paid = holding(browser, user, schedule)
    pay_reservations(user=user, reservation_ids=[each.pk for each in paid])
    assert bar(browser, "/tickets/") == ""
    assert browser.cookies[NAME]["max-age"] == 0

    given_up = holding(browser, user, schedule, 2)
    release_reservation(user=user, reservation_id=given_up[0].pk)
    assert "time to pay is over" not in bar(browser, "/tickets/")


def test_what_was_bought_again_is_no_loss(browser, user, schedule):
    overdue(*holding(browser, user, schedule))
    release_expired_holds()
    reservations = held(user, schedule, 2)
    pay_reservations(user=user, reservation_ids=[each.pk for each in reservations])

    assert bar(browser, "/tickets/") == ""


def test_an_end_of_long_ago_is_no_news(browser, user, schedule):
    overdue(*holding(browser, user, schedule))
    release_expired_holds()
    QueueToken.objects.filter(user=user).delete()
    Reservation.objects.update(
        created_at=timezone.now() - dt.timedelta(minutes=22),
        expires_at=timezone.now() - dt.timedelta(minutes=16),
    )

    assert bar(browser, "/tickets/") == ""


def test_another_buyers_purchase_is_not_shown(browser, user, schedule):
    held(UserFactory(), schedule)
    browser.cookies[NAME] = f"{schedule.pk}~payment"

    assert bar(browser, "/tickets/") == ""


@pytest.mark.parametrize("cookie", ["", "x", "~", "~paid", "1~seats", "a" * 4000])
def test_any_cookie_is_a_hint_only(browser, user, cookie):
    browser.cookies[NAME] = cookie

    assert bar(browser, "/tickets/") == ""


def test_a_visitor_without_a_purchase_costs_no_query(browser):
    browser.get("/tickets/")

    with CaptureQueriesContext(connection) as seen:
        browser.get("/tickets/")

    assert not [query for query in seen.captured_queries if "queueing_queuetoken" in query["sql"]]


def test_no_public_page_has_the_bar_or_its_cookie(browser, user, schedule):
    holding(browser, user, schedule)

    response = browser.get("/")

    assert "purchase" not in response.cookies
    assert '<div id="purchase"></div>' in response.content.decode()


def test_after_the_log_out_nothing_is_shown(browser, user, schedule):
    holding(browser, user, schedule)
    browser.post("/accounts/logout/")

    assert bar(browser, "/accounts/login/") == ""
    assert browser.cookies[NAME]["max-age"] == 0
