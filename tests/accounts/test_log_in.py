"""Log-in: its limits, per account and per address, and many log-ins from one address."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection
from django.test import Client
from django.utils import translation
from rest_framework.test import APIClient

from accounts import devices, log_in
from accounts.models import User
from accounts.rate_limits import (
    FAILED_LOG_INS,
    FAILED_LOG_INS_PER_ACCOUNT,
    FAILED_LOG_INS_PER_ADDRESS,
)
from tests.concertbook.test_bad_input import assert_problem
from tests.factories import CONSENTS, PASSWORD, StaffFactory, UserFactory
from tests.mailbox import link_to, mails_to

pytestmark = pytest.mark.django_db

API = "/api/v1/auth/login/"
PAGE = "/accounts/login/"
HOME, ELSEWHERE = "198.51.100.7", "203.0.113.9"
WRONG = "not the password"


@pytest.fixture
def buyer():
    return UserFactory()


def try_api(email, password, address=HOME, **headers):
    credentials = {"email": email, "password": password}
    return APIClient().post(API, credentials, format="json", REMOTE_ADDR=address, headers=headers)


def try_page(email, password, address=HOME, browser=None):
    fields = {"login": email, "password": password}
    return (browser or Client()).post(PAGE, fields, REMOTE_ADDR=address)


def api_status(*arguments, **headers):
    return try_api(*arguments, **headers).status_code


def fail_from_many_addresses(email, times):
    """Use up a limit across all addresses, without reaching a narrower limit."""
    for number in range(times):
        assert api_status(email, WRONG, f"192.0.2.{number // FAILED_LOG_INS.amount}") == 401


# --- One account, one address --------------------------------------------------------------------


def test_five_wrong_passwords_are_answered_and_the_sixth_attempt_is_refused(buyer):
    statuses = [api_status(buyer.email, WRONG) for _ in range(FAILED_LOG_INS.amount)]
    refused = try_api(buyer.email, PASSWORD)

    assert set(statuses) == {401}
    assert_problem(refused, 429, "too_many_requests")
    assert 290 < int(refused["Retry-After"]) <= 300


def test_an_attempt_beyond_the_limit_is_not_hashed(buyer, monkeypatch):
    for _ in range(FAILED_LOG_INS.amount):
        try_api(buyer.email, WRONG)
    monkeypatch.setattr(log_in, "check_password", lambda *_, **__: pytest.fail("hashed"))

    assert api_status(buyer.email, PASSWORD) == 429


def test_an_account_that_does_not_exist_answers_like_one_that_does(buyer):
    unknown = [try_api("unknown@example.com", WRONG) for _ in range(6)]
    known = [try_api(buyer.email, WRONG) for _ in range(6)]

    assert [each.status_code for each in unknown] == [401] * 5 + [429]
    assert [each.json() for each in unknown] == [each.json() for each in known]


def test_a_strangers_wrong_passwords_do_not_keep_the_owner_out(buyer):
    strangers = [api_status(buyer.email, WRONG, ELSEWHERE) for _ in range(6)]

    assert strangers == [401] * 5 + [429]
    assert api_status(buyer.email, PASSWORD, HOME) == 200
    assert api_status(buyer.email, PASSWORD, ELSEWHERE) == 429
    assert try_page(buyer.email, PASSWORD, HOME).status_code == 302


def test_log_ins_that_succeed_use_nothing_up(buyer):
    assert {api_status(buyer.email, PASSWORD) for _ in range(40)} == {200}
    assert {try_page(buyer.email, PASSWORD).status_code for _ in range(10)} == {302}


def test_a_success_between_failures_gives_no_guesses_back(buyer):
    assert [api_status(buyer.email, WRONG) for _ in range(4)] == [401] * 4
    assert api_status(buyer.email, PASSWORD) == 200
    assert [api_status(buyer.email, WRONG) for _ in range(2)] == [401, 429]


@pytest.mark.parametrize(
    "spelling", ["VICTIM@example.com", "ｖictim@example.com", " victim@example.com"]
)
def test_spellings_of_an_address_that_find_one_account_are_counted_as_one(spelling):
    UserFactory(email="victim@example.com")
    for _ in range(FAILED_LOG_INS.amount):
        try_api("victim@example.com", WRONG)

    assert api_status(spelling, WRONG) == 429
    assert devices.account_key(spelling) == devices.account_key("victim@example.com")


def test_pages_and_api_share_one_log_in_limit(buyer):
    for attempt in (try_api, try_page, try_api, try_page, try_api):
        attempt(buyer.email, WRONG)

    refused = try_page(buyer.email, PASSWORD)

    assert refused.status_code == 429
    assert 290 < int(refused["Retry-After"]) <= 300
    assert "_auth_user_id" not in refused.client.session


def test_the_log_in_of_the_staff_is_counted_too():
    operator = StaffFactory(is_superuser=True)
    assert Client().get("/admin/login/", follow=True).request["PATH_INFO"] == PAGE
    for _ in range(5):
        try_page(operator.email, WRONG)

    assert try_page(operator.email, PASSWORD).status_code == 429


def test_a_user_who_set_a_new_password_by_mail_may_log_in_immediately(buyer):
    browser = Client()
    for _ in range(5):
        try_page(buyer.email, WRONG, browser=browser)
    browser.post("/accounts/password/reset/", {"email": buyer.email}, REMOTE_ADDR=HOME)
    browser.post(link_to(buyer.email), {"password1": "a new long one"}, REMOTE_ADDR=HOME)

    assert try_page(buyer.email, "a new long one").status_code == 302


def test_an_inactive_account_logs_in_nowhere():
    gone = UserFactory(is_active=False)

    assert api_status(gone.email, PASSWORD) == 401
    assert try_page(gone.email, PASSWORD).status_code == 200


# --- One account, many addresses -----------------------------------------------------------------


def test_an_account_that_many_addresses_guess_at_is_closed_to_strangers(buyer):
    fail_from_many_addresses(buyer.email, FAILED_LOG_INS_PER_ACCOUNT.amount)

    refused = try_api(buyer.email, PASSWORD, HOME)

    assert_problem(refused, 429, "too_many_requests")


def test_an_address_that_logged_in_before_is_not_kept_out_by_other_addresses(buyer):
    assert api_status(buyer.email, PASSWORD, HOME) == 200
    fail_from_many_addresses(buyer.email, FAILED_LOG_INS_PER_ACCOUNT.amount)

    assert api_status(buyer.email, PASSWORD, HOME) == 200
    assert api_status(buyer.email, PASSWORD, ELSEWHERE) == 429


def test_an_address_that_signed_up_is_not_kept_out_by_other_addresses():
    fields = {"email": "buyer@example.com", "password": PASSWORD, "name": "팬"}
    APIClient().post("/api/v1/auth/signup/", fields, format="json", REMOTE_ADDR=HOME)
    fail_from_many_addresses("buyer@example.com", FAILED_LOG_INS_PER_ACCOUNT.amount)

    assert api_status("buyer@example.com", PASSWORD, HOME) == 200


def test_an_app_that_logged_in_before_is_let_in_from_anywhere(buyer):
    device = try_api(buyer.email, PASSWORD, HOME).json()["device"]
    fail_from_many_addresses(buyer.email, FAILED_LOG_INS_PER_ACCOUNT.amount)

    assert api_status(buyer.email, PASSWORD, ELSEWHERE) == 429
    assert api_status(buyer.email, PASSWORD, ELSEWHERE, **{"Device-Token": device}) == 200


def test_a_browser_that_logged_in_before_is_let_in_from_anywhere(buyer):
    browser = Client()
    try_page(buyer.email, PASSWORD, HOME, browser)
    browser.post("/accounts/logout/")
    cookie = browser.cookies[devices.COOKIE]
    fail_from_many_addresses(buyer.email, FAILED_LOG_INS_PER_ACCOUNT.amount)

    assert cookie["httponly"]
    assert try_page(buyer.email, PASSWORD, ELSEWHERE).status_code == 429
    assert try_page(buyer.email, PASSWORD, ELSEWHERE, browser).status_code == 302


def test_a_device_is_known_for_the_accounts_that_it_logged_in_to_and_no_other(buyer):
    device = try_api(UserFactory().email, PASSWORD).json()["device"]
    fail_from_many_addresses(buyer.email, FAILED_LOG_INS_PER_ACCOUNT.amount)

    assert api_status(buyer.email, PASSWORD, ELSEWHERE, **{"Device-Token": device}) == 429


def test_a_device_keeps_the_accounts_that_share_it(buyer):
    first = try_api(buyer.email, PASSWORD).json()["device"]
    second = try_api(UserFactory().email, PASSWORD, **{"Device-Token": first}).json()["device"]
    fail_from_many_addresses(buyer.email, FAILED_LOG_INS_PER_ACCOUNT.amount)

    assert api_status(buyer.email, PASSWORD, ELSEWHERE, **{"Device-Token": second}) == 200


def test_a_device_token_buys_no_more_guesses_than_an_address(buyer):
    device = try_api(buyer.email, PASSWORD).json()["device"]

    tried = [
        api_status(buyer.email, WRONG, f"192.0.2.{number}", **{"Device-Token": device})
        for number in range(6)
    ]

    assert tried == [401] * 5 + [429]


@pytest.mark.parametrize("token", ["x", "x" * 5000, "a:b:c", "\u00fc"])
def test_a_device_token_that_is_not_ours_is_ignored(buyer, token):
    assert api_status(buyer.email, PASSWORD, **{"Device-Token": token}) == 200


# --- One address, many accounts ------------------------------------------------------------------


def test_an_address_that_guesses_at_many_accounts_is_refused():
    statuses = [api_status(f"buyer{number}@example.org", WRONG) for number in range(34)]

    assert statuses == [401] * FAILED_LOG_INS_PER_ADDRESS.amount + [429] * 4
    assert api_status("buyer@example.org", WRONG, ELSEWHERE) == 401


def test_addresses_of_one_ipv6_network_share_a_limit():
    statuses = [
        api_status(f"f{number}@a.org", WRONG, f"2001:db8::{number}") for number in range(31)
    ]

    assert statuses[-1] == 429
    assert api_status("buyer@a.org", WRONG, "2001:db8:0:1::1") == 401


def test_successful_log_ins_raise_the_limit_of_wrong_passwords():
    """More than thirty wrong passwords from one carrier's address, and none is refused."""
    for user in UserFactory.create_batch(50):
        assert api_status(user.email, PASSWORD) == 200
    mistyped = [api_status(user.email, WRONG) for user in UserFactory.create_batch(60)]

    assert set(mistyped) == {401}


def test_one_account_that_logs_in_again_and_again_makes_room_once(buyer):
    for _ in range(20):
        assert api_status(buyer.email, PASSWORD) == 200

    statuses = [api_status(f"buyer{number}@example.org", WRONG) for number in range(34)]

    assert statuses.count(401) == FAILED_LOG_INS_PER_ADDRESS.amount + 1


# --- At the same moment --------------------------------------------------------------------------


def at_once(number, call):
    barrier = threading.Barrier(number)

    def part(at):
        barrier.wait()
        try:
            return call(at)
        finally:
            connection.close()

    with ThreadPoolExecutor(number) as pool:
        return list(pool.map(part, range(number)))


@pytest.mark.django_db(transaction=True)
def test_users_of_one_address_log_in_at_once_without_refusals():
    users = UserFactory.create_batch(60)

    statuses = at_once(len(users), lambda at: api_status(users[at].email, PASSWORD))

    assert set(statuses) == {200}


@pytest.mark.django_db(transaction=True)
def test_users_of_one_address_sign_up_at_once_without_refusals():
    def sign_up(at):
        fields = {"email": f"user{at}@example.com", "password": PASSWORD, "name": "팬"}
        client = APIClient()
        return client.post("/api/v1/auth/signup/", fields, format="json").status_code

    assert set(at_once(60, sign_up)) == {201}
    assert User.objects.filter(email__startswith="user").count() == 60


@pytest.mark.django_db(transaction=True)
def test_of_many_concurrent_wrong_passwords_five_are_checked_and_the_others_refused(buyer):
    statuses = at_once(60, lambda at: api_status(buyer.email, WRONG))

    assert sorted(statuses) == [401] * 5 + [429] * 55


@pytest.mark.django_db(transaction=True)
def test_of_many_guesses_at_many_accounts_at_once_thirty_are_answered():
    statuses = at_once(60, lambda at: api_status(f"guess{at}@example.org", WRONG))

    assert sorted(statuses) == [401] * 30 + [429] * 30


@pytest.mark.django_db(transaction=True)
def test_a_right_guess_beyond_the_limit_learns_nothing(buyer, monkeypatch):
    """All other attempts fail between this attempt's first check of the limit and its answer."""
    check_password = log_in.check_password

    def slow(request, **credentials):
        user = check_password(request, **credentials)
        monkeypatch.setattr(log_in, "check_password", check_password)
        assert [api_status(buyer.email, WRONG) for _ in range(5)] == [401] * 5
        return user

    monkeypatch.setattr(log_in, "check_password", slow)

    assert api_status(buyer.email, PASSWORD) == 429


# --- Other forms ---------------------------------------------------------------------------------


def test_sign_ups_of_an_address_have_a_limit_of_their_own(settings):
    settings.SIGN_UPS_PER_ADDRESS = 2

    def by_api(number):
        fields = {"email": f"new{number}@example.com", "password": PASSWORD, "name": "팬"}
        return APIClient().post("/api/v1/auth/signup/", fields, format="json").status_code

    def by_page(number):
        fields = {
            "email": f"new{number}@example.com",
            "password1": PASSWORD,
            "name": "팬",
            **CONSENTS,
        }
        return Client().post("/accounts/signup/", fields).status_code

    assert [by_api(1), by_page(2), by_page(3), by_api(4)] == [201, 302, 429, 429]


def test_all_log_ins_of_an_address_have_a_limit_of_their_own(settings, buyer):
    settings.LOG_INS_PER_ADDRESS = 2

    assert [api_status(buyer.email, PASSWORD) for _ in range(3)] == [200, 200, 429]


def test_reset_mails_to_one_address_are_limited(buyer):
    def ask(email):
        return Client().post("/accounts/password/reset/", {"email": email}).status_code

    assert [ask(buyer.email) for _ in range(6)] == [302] * 5 + [429]
    assert [ask("unknown@example.com") for _ in range(6)] == [302] * 5 + [429]
    assert len(mails_to(buyer.email)) == 5


def test_password_changes_of_one_user_are_limited(buyer):
    browser = Client()
    browser.force_login(buyer)
    form = {"oldpassword": WRONG, "password1": "another long one", "password2": "another long one"}

    statuses = [browser.post("/accounts/password/change/", form).status_code for _ in range(6)]

    assert statuses == [200] * 5 + [429]


def test_the_page_of_a_refusal_is_in_the_language_of_the_request(buyer):
    for _ in range(5):
        try_page(buyer.email, WRONG)

    fields = {"login": buyer.email, "password": PASSWORD}
    page = Client().post(PAGE, fields, REMOTE_ADDR=HOME, headers={"Accept-Language": "ko"})

    with translation.override("ko"):
        assert "로그인을 너무 많이 시도했습니다" in page.content.decode()


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_log_in_works_without_limits(buyer):
    assert [api_status(buyer.email, WRONG) for _ in range(7)] == [401] * 7
    assert api_status(buyer.email, PASSWORD) == 200
