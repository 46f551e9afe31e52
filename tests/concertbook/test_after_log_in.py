"""The form of a logged-out visitor takes effect once they have logged in, and only then."""

import datetime as dt
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.utils import timezone

from concertbook.http.after_log_in import COOKIE, KEPT_SECONDS
from queueing.models import QueueToken, WaitingRoom
from tests.factories import CONSENTS, PASSWORD, ScheduleFactory, UserFactory, admitted

pytestmark = pytest.mark.django_db(transaction=True)

OURS = {"Origin": "http://testserver", "Accept-Language": "en"}


@pytest.fixture
def address():
    """A room with a line, where a buyer who joins waits."""
    schedule = ScheduleFactory(concert__waiting_room__capacity=1)
    admitted(UserFactory(), schedule)
    return f"/rooms/{schedule.concert.waiting_room.slug}/?next=/schedules/{schedule.pk}/seats/"


@pytest.fixture
def browser():
    return Client(enforce_csrf_checks=True, headers={"Accept-Language": "en"})


def press_join(browser, address):
    """The address of the log-in to which the press leads."""
    response = browser.post(address, headers=OURS)
    assert response.status_code == 302
    return response["Location"]


def send(browser, page, **fields):
    """Fill in the form of the page; the address to which the answer leads."""
    token = browser.get(page).context["csrf_token"]
    form = {"csrfmiddlewaretoken": str(token), **parse_qs(urlsplit(page).query), **fields}
    return browser.post(page, form).headers.get("Location", "")


def waiting():
    return list(QueueToken.objects.waiting().values_list("user__email", flat=True))


def test_a_join_takes_effect_after_the_log_in_without_a_second_press(browser, address):
    user = UserFactory()
    log_in = press_join(browser, address)
    assert "Then we go on by ourselves." in browser.get(log_in).content.decode()
    assert waiting() == []

    back = send(browser, log_in, login=user.email, password=PASSWORD)
    joined = browser.get(back)

    assert back == address
    assert joined["Location"] == address
    assert waiting() == [user.email]
    assert browser.get(address).context["place"].ahead == 0


def test_a_join_takes_effect_after_the_sign_up(browser, address):
    log_in = press_join(browser, address)
    sign_up = browser.get(log_in).context["signup_url"]

    fields = {"email": "new@example.com", "password1": PASSWORD, "name": "New"}
    back = send(browser, sign_up, **fields, **CONSENTS)
    browser.get(back)

    assert waiting() == ["new@example.com"]


def test_failed_log_ins_and_another_language_in_between_lose_nothing(browser, address):
    user = UserFactory()
    log_in = press_join(browser, address)
    assert send(browser, log_in, login=user.email, password="wrong") == ""
    token = browser.get(log_in).context["csrf_token"]
    form = {"csrfmiddlewaretoken": str(token), "language": "ko", "next": log_in}
    assert browser.post("/i18n/setlang/", form)["Location"] == log_in

    browser.get(send(browser, log_in, login=user.email, password=PASSWORD))

    assert waiting() == [user.email]


def test_it_takes_effect_once(browser, address):
    user = UserFactory()
    browser.get(send(browser, press_join(browser, address), login=user.email, password=PASSWORD))
    QueueToken.objects.waiting().update(status="EXPIRED", expires_at=timezone.now())

    assert browser.get(address).status_code == 200

    assert waiting() == []


def test_a_visitor_who_pressed_nothing_joins_by_no_link(browser, address):
    browser.force_login(UserFactory())

    assert browser.get(address).status_code == 200

    assert waiting() == []


@pytest.mark.parametrize(
    "headers", [{"Origin": "https://else.example"}, {"Sec-Fetch-Site": "cross-site"}, {}]
)
def test_a_form_of_another_site_is_not_kept(browser, address, headers):
    response = browser.post(address, headers=headers)

    assert response.status_code == 403
    assert COOKIE not in browser.cookies


def test_only_the_address_of_the_form_acts(browser, address):
    press_join(browser, address)
    me = UserFactory()
    browser.force_login(me)
    other = ScheduleFactory().concert.waiting_room.slug

    browser.get(f"/rooms/{other}/")
    browser.head(address)

    assert not QueueToken.objects.filter(user=me).exists()


@pytest.mark.parametrize("forged", ["", "{address}", "{address}:1:signature", "\x00"])
def test_a_cookie_that_we_did_not_sign_does_nothing(browser, address, forged):
    browser.force_login(UserFactory())
    browser.cookies[COOKIE] = forged.format(address=address)

    assert browser.get(address).status_code == 200

    assert waiting() == []


def test_after_half_an_hour_the_visitor_is_asked_again(browser, address, time_machine):
    now = timezone.now()
    time_machine.move_to(now - dt.timedelta(seconds=KEPT_SECONDS + 1))
    press_join(browser, address)
    time_machine.move_to(now)
    browser.force_login(UserFactory())

    assert browser.get(address).status_code == 200

    assert waiting() == []


def test_a_form_with_an_address_that_fits_no_cookie_is_to_be_sent_again(browser, address):
    log_in = press_join(browser, f"{address}?{'x' * 1000}")

    assert COOKIE not in browser.cookies
    assert "Then send it again." in browser.get(log_in).content.decode()


def test_a_refused_join_says_why(browser, address):
    log_in = press_join(browser, address)
    WaitingRoom.objects.update(state="CLOSED")
    user = UserFactory()

    back = send(browser, log_in, login=user.email, password=PASSWORD)
    page = browser.get(back, follow=True)

    assert page.status_code == 200
    assert "This waiting room is closed." in page.content.decode()
    assert waiting() == []
