"""The page of a user's devices, and what is noted of them."""

import datetime as dt

import pytest
from django.db import connection
from django.db.models import F
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.clients import read_client
from accounts.devices import USED
from accounts.models import OutgoingMessage, User, UserSession
from tests.factories import CONSENTS, PASSWORD, UserFactory
from tests.mailbox import mails_to

pytestmark = pytest.mark.django_db(transaction=True)

PHONE = (
    "Mozilla/5.0 (Linux; Android 14; SM-S921N) AppleWebKit/537.36 (KHTML, like Gecko)"
    " SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36"
)
LAPTOP = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
    " Version/17.4 Safari/605.1.15"
)
JSON = "application/json"


@pytest.fixture
def user():
    return UserFactory()


def log_in(user, agent, address="203.0.113.77"):
    browser = Client(headers={"User-Agent": agent}, REMOTE_ADDR=address)
    browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    return browser


def is_logged_in(browser):
    return browser.get("/accounts/").status_code == 200


def device_of(browser):
    return UserSession.objects.get(pk=browser.session.session_key)


def test_the_page_lists_each_device_by_name_and_network_and_no_secret(user):
    phone, laptop = log_in(user, PHONE), log_in(user, LAPTOP, "2001:db8:1:2::3")
    app = {"email": user.email, "password": PASSWORD}
    Client(headers={"User-Agent": "concertbook/1 (iPhone)"}).post("/api/v1/auth/login/", app, JSON)
    log_in(UserFactory(), LAPTOP, "198.51.100.7")

    page = phone.get("/accounts/devices/", headers={"Accept-Language": "en"}).content.decode()

    mine, others = page.split("This device", 1)
    assert "Samsung Internet · Android" in mine
    assert "203.0.113.0/24" in others
    assert "Safari · macOS" in others
    assert "2001:db8:1::/48" in others
    assert "App · iPhone" in others
    assert "203.0.113.77" not in page
    assert "198.51.100" not in page, "another user's"
    for key in UserSession.objects.values_list("pk", flat=True):
        assert key not in page
    assert is_logged_in(laptop)


def test_a_device_is_logged_out_by_another_one_of_its_user_only(user):
    phone, laptop, stranger = log_in(user, PHONE), log_in(user, LAPTOP), Client()
    stranger.force_login(UserFactory())
    address = f"/accounts/devices/{device_of(laptop).public_id}/end/"

    assert stranger.post(address).status_code == 302
    assert is_logged_in(laptop)
    assert phone.post(address)["Location"] == "/accounts/devices/"
    assert not is_logged_in(laptop)
    assert is_logged_in(phone)


def test_all_other_devices_are_logged_out_at_once(user):
    phone, laptop, tablet = (log_in(user, agent) for agent in (PHONE, LAPTOP, "iPad"))

    phone.post("/accounts/devices/end/")

    assert [is_logged_in(each) for each in (phone, laptop, tablet)] == [True, False, False]


def test_the_use_of_a_browser_is_noted_once_an_hour_and_costs_other_requests_nothing(user):
    browser = log_in(user, PHONE)
    UserSession.objects.update(last_used_at=F("logged_in_at") - dt.timedelta(hours=2))
    before = device_of(browser).last_used_at

    browser.get("/tickets/")
    assert device_of(browser).last_used_at == before, "the log-in was less than an hour ago"

    del browser.cookies[USED]
    browser.get("/tickets/")
    noted = device_of(browser).last_used_at
    assert noted > before
    with CaptureQueriesContext(connection) as seen:
        browser.get("/tickets/")
    assert "accounts_usersession" not in str(seen.captured_queries)
    del browser.cookies[USED]
    browser.get("/tickets/")
    assert device_of(browser).last_used_at == noted


def test_an_app_is_used_when_it_refreshes_its_tokens(user):
    form = {"email": user.email, "password": PASSWORD}
    tokens = Client().post("/api/v1/auth/login/", form, JSON).json()
    UserSession.objects.update(last_used_at=F("logged_in_at") - dt.timedelta(hours=2))

    Client().post("/api/v1/auth/refresh/", {"refresh": tokens["refresh"]}, JSON)

    device = UserSession.objects.get()
    assert device.last_used_at > device.logged_in_at
    assert device.client == "app"


@pytest.mark.parametrize(
    ("agent", "address", "client"),
    [
        (PHONE, "203.0.113.77", ("Samsung Internet", "Android", "203.0.113.0/24")),
        (LAPTOP, "::ffff:203.0.113.77", ("Safari", "macOS", "203.0.113.0/24")),
        ("x" * 10_000, "not an address", ("", "", "")),
    ],
)
def test_a_client_is_read_roughly(rf, agent, address, client):
    read = read_client(rf.get("/", headers={"User-Agent": agent}, REMOTE_ADDR=address))

    assert (read.name, read.system, read.network) == client


def test_the_page_of_many_devices_asks_the_database_four_times_at_most(user):
    browsers = [log_in(user, PHONE) for _each in range(5)]

    with CaptureQueriesContext(connection) as seen:
        assert browsers[0].get("/accounts/devices/").status_code == 200

    assert len(seen) <= 4


def subjects_to(user):
    return [mail.subject for mail in mails_to(user.email)]


def test_a_log_in_by_a_new_device_is_told_by_mail_once_for_each_device():
    user = UserFactory(language="en", last_login=timezone.now())
    phone = log_in(user, PHONE)
    (mail,) = mails_to(user.email)
    assert mail.subject == "Log-in from a new device"
    for said in ("Samsung Internet · Android", "203.0.113.0/24", "/accounts/devices/"):
        assert said in mail.body

    phone.post("/accounts/logout/")
    phone.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
    log_in(user, LAPTOP)

    assert subjects_to(user) == ["Log-in from a new device"] * 2


def test_the_mail_is_one_statement_more_and_a_known_device_has_none():
    user = UserFactory(last_login=timezone.now())

    def statements(browser):
        with CaptureQueriesContext(connection) as seen:
            browser.post("/accounts/login/", {"login": user.email, "password": PASSWORD})
        return len(seen)

    known = log_in(user, PHONE)
    known.post("/accounts/logout/")

    assert statements(Client()) == statements(known) + 1


def test_an_app_that_sends_its_device_token_is_known_and_another_one_is_told():
    user = UserFactory(language="en", last_login=timezone.now())
    form = {"email": user.email, "password": PASSWORD}
    opened = Client().post("/api/v1/auth/login/", form, JSON).json()
    known = {"Device-Token": opened["device"]}

    Client().post("/api/v1/auth/login/", form, JSON, headers=known)
    assert len(mails_to(user.email)) == 1
    Client().post("/api/v1/auth/login/", form, JSON)

    assert len(mails_to(user.email)) == 2


def test_a_sign_up_a_wrong_password_and_the_first_log_in_are_not_told(client):
    form = {"email": "new@example.com", "password1": PASSWORD, "name": "김민지", **CONSENTS}
    client.post("/accounts/signup/", form)
    client.post("/accounts/logout/")
    client.post("/accounts/login/", {"login": form["email"], "password": PASSWORD})
    user = User.objects.get()
    log_in(UserFactory(email="by-an-operator@example.com"), PHONE)
    Client().post("/accounts/login/", {"login": user.email, "password": "x"})

    assert not OutgoingMessage.objects.filter(kind="new_device").exists()
