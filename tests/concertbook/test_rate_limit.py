"""The limit on all requests of one user within ten seconds."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.contrib.sessions.models import Session
from django.db import OperationalError
from django.test import Client
from django_redis import get_redis_connection

from accounts import sessions
from accounts.app_tokens import issue_tokens
from accounts.models import BalanceHistory, User
from accounts.sessions import end_sessions
from concertbook.db import redis_commands
from concertbook.errors import TooManyRequests
from concertbook.http import rate_limit, requests_per_user
from concertbook.http.rate_limit import Limit
from payments.models import Reservation
from tests.concertbook.test_bad_input import CHARGES, PAYMENTS, assert_problem
from tests.factories import ScheduleFactory, StaffFactory, UserFactory, admitted, held
from tests.fast_path import FellThrough, ask

# Outside of a transaction: the fast path closes connections that are too old.
pytestmark = pytest.mark.django_db(transaction=True)

# The sandbox gateway declines this; the ledger keeps a line of it.
DECLINED = {"amount": 40_001}
BALANCE = "/api/v1/me/balance/"


@pytest.fixture(autouse=True)
def _three_requests(settings):
    settings.REQUESTS_PER_USER = 3


@pytest.fixture
def buyer():
    return UserFactory(won=100_000)


def browser_of(user):
    client = Client()
    client.force_login(user)
    return client


def charge(client):
    return client.post(CHARGES, DECLINED, format="json")


def test_api_requests_above_the_limit_get_429_with_retry_after(app, buyer):
    phone = app(buyer)
    before = BalanceHistory.objects.count()

    statuses = [charge(phone).status_code for _ in range(3)]
    refused = charge(phone)

    assert statuses == [402, 402, 402]
    assert_problem(refused, 429, "too_many_requests")
    assert 1 <= int(refused["Retry-After"]) <= requests_per_user.WINDOW_SECONDS
    assert BalanceHistory.objects.count() == before + 3, "nothing is written any more"


def test_page_requests_above_the_limit_get_an_error_page(buyer):
    browser = browser_of(buyer)
    form = browser.get("/balance/").context["form"]
    body = DECLINED | {"key": form["key"].value()}
    before = BalanceHistory.objects.count()

    browser.get("/tickets/")
    browser.get("/reservations/")
    refused = browser.post("/balance/", body, headers={"Accept-Language": "ko"})

    assert refused.status_code == 429
    assert 1 <= int(refused["Retry-After"]) <= requests_per_user.WINDOW_SECONDS
    page = refused.content.decode()
    assert '<html lang="ko">' in page
    assert "<h1>요청이 너무 많습니다.</h1>" in page
    assert "<p>잠시 후 다시 시도해 주세요. " in page
    assert BalanceHistory.objects.count() == before


def test_the_api_and_the_pages_share_one_limit(app, buyer):
    browser = browser_of(buyer)
    statuses = [
        browser.get("/tickets/").status_code,
        browser.get(BALANCE).status_code,
        app(buyer).get(BALANCE).status_code,
        browser.get("/tickets/").status_code,
        app(buyer).get(BALANCE).status_code,
    ]

    assert statuses == [200, 200, 200, 429, 429]


def test_the_requests_of_one_user_do_not_limit_another(app, buyer):
    assert [app(buyer).get(BALANCE).status_code for _ in range(4)][-1] == 429

    assert app(UserFactory()).get(BALANCE).status_code == 200
    assert browser_of(UserFactory()).get("/tickets/").status_code == 200


def test_after_ten_seconds_requests_are_accepted_again(app, buyer):
    phone = app(buyer)
    assert [phone.get(BALANCE).status_code for _ in range(4)][-1] == 429

    get_redis_connection("default").delete(f"rate:requests:{buyer.pk}")

    assert phone.get(BALANCE).status_code == 200


def test_the_count_expires_by_itself_and_further_requests_do_not_extend_it(buyer):
    redis, key = get_redis_connection("default"), f"rate:requests:{buyer.pk}"
    requests_per_user.count_request(buyer.pk)
    assert 0 < redis.ttl(key) <= requests_per_user.WINDOW_SECONDS
    redis.expire(key, 5)

    requests_per_user.count_request(buyer.pk)

    assert 0 < redis.ttl(key) <= 5


def test_neither_the_anonymous_nor_the_desk_nor_a_supervisor_is_counted(client, app):
    staff = browser_of(StaffFactory(is_superuser=True))
    for _ in range(4):
        assert client.get("/").status_code == 200
        assert app().get("/api/v1/concerts/").status_code == 200
        assert staff.get("/admin/").status_code == 200
        assert staff.get("/livez").status_code == 200

    assert get_redis_connection("default").keys("rate:*") == []


def test_a_customers_requests_to_the_admin_are_counted(buyer):
    browser = browser_of(buyer)

    asked = [browser.get("/admin/").status_code for _ in range(4)]

    assert asked == [302, 302, 302, 429]


# --- Before Django -------------------------------------------------------------------------------


def send(access, path, body, **headers):
    bearer = {"Authorization": f"Bearer {access}"}
    content = json.dumps(body).encode()
    return ask(
        path, method="POST", content=content, content_type="application/json", **bearer | headers
    )


def hold(access, schedule, token, *numbers):
    path = f"/api/v1/schedules/{schedule.pk}/reservations/"
    return send(access, path, {"seats": numbers}, **{"Queue-Token": str(token.pk)})


def test_holds_that_are_refused_before_django_are_counted(buyer):
    schedule = ScheduleFactory(seats=3)
    held(UserFactory(), schedule, 1)
    token, access = admitted(buyer, schedule), issue_tokens(buyer).access

    answers = [hold(access, schedule, token, 1)[0] for _ in range(3)]
    status, headers, body = hold(access, schedule, token, 1)

    assert answers == [409, 409, 409]
    assert (status, body["code"]) == (429, "too_many_requests")
    assert 1 <= int(headers["Retry-After"]) <= requests_per_user.WINDOW_SECONDS


def test_payments_that_are_refused_before_django_are_counted():
    poor = UserFactory()
    access = issue_tokens(poor).access
    (reservation,) = held(poor, ScheduleFactory(price=10_000), 1)

    def pay(key):
        body = {"reservations": [str(reservation.pk)]}
        return send(access, PAYMENTS, body, **{"Idempotency-Key": key})

    answers = [pay(f"key {number}")[0] for number in range(3)]
    status, headers, body = pay("one more")

    assert answers == [402, 402, 402]
    assert (status, body["code"]) == (429, "too_many_requests")
    assert 1 <= int(headers["Retry-After"]) <= requests_per_user.WINDOW_SECONDS


def test_a_request_of_an_ended_session_is_not_counted(buyer):
    schedule = ScheduleFactory()
    token, access = admitted(buyer, schedule), issue_tokens(buyer).access
    Session.objects.all().delete()

    with pytest.raises(FellThrough):
        hold(access, schedule, token, 1)
    assert get_redis_connection("default").keys("rate:*") == []


def test_a_successful_hold_on_the_fast_path_is_not_counted_in_redis(buyer):
    schedule = ScheduleFactory(seats=4)
    token, access = admitted(buyer, schedule), issue_tokens(buyer).access

    status, _headers, _body = hold(access, schedule, token, 1, 2)

    assert status == 201
    assert Reservation.objects.filter(user=buyer).count() == 2
    assert get_redis_connection("default").keys("rate:*") == []


# --- The limiter itself --------------------------------------------------------------------------


def taken(*counters):
    """Whether an event is counted."""
    try:
        rate_limit.take(*counters)
    except TooManyRequests:
        return False
    return True


@pytest.mark.parametrize("amount", [1, 7, 60])
def test_of_a_hundred_parallel_events_exactly_as_many_as_the_limit_are_taken(amount):
    counter = Limit("test", amount, 60).of("a subject")
    barrier = threading.Barrier(100)

    def event(_number):
        barrier.wait()
        return taken(counter)

    with ThreadPoolExecutor(100) as pool:
        assert list(pool.map(event, range(100))).count(True) == amount


def test_an_event_that_one_limit_refuses_is_counted_by_none():
    wide, narrow = Limit("wide", 5, 60).of("x"), Limit("narrow", 1, 60).of("x")

    assert [taken(wide, narrow) for _ in range(4)] == [True, False, False, False]
    assert [taken(wide) for _ in range(5)] == [True, True, True, True, False]


def test_a_refusal_tells_when_the_last_of_the_limits_that_refuse_ends():
    short, long = Limit("short", 1, 10).of("x"), Limit("long", 1, 300).of("x")
    rate_limit.take(short, long)

    with pytest.raises(TooManyRequests) as refused:
        rate_limit.take(short, long)

    assert 290 < refused.value.retry_after <= 300


def test_checking_a_limit_uses_nothing_up():
    counter = Limit("test", 1, 60).of("x")
    for _ in range(3):
        rate_limit.check(counter)

    assert taken(counter)
    with pytest.raises(TooManyRequests):
        rate_limit.check(counter)


def test_a_counter_is_waived_while_its_key_exists():
    counter = Limit("test", 1, 60).of("x", waived_by="rate:known:x")
    rate_limit.remember("rate:known:x", seconds=60)
    assert [taken(counter) for _ in range(3)] == [True, True, True]

    get_redis_connection("default").delete("rate:known:x")

    assert [taken(counter) for _ in range(2)] == [True, False]


def test_an_event_is_given_back_once_for_each_reason():
    counter = Limit("test", 1, 60).of("x")
    rate_limit.take(counter)
    for reason in ("a", "a", "b"):
        rate_limit.give_back(counter, once_for=reason)

    assert [taken(counter) for _ in range(3)] == [True, True, False]


def test_all_limits_are_decided_in_one_round_trip(monkeypatch):
    wide, narrow = Limit("wide", 9, 60).of("x"), Limit("narrow", 9, 60).of("x")
    rate_limit.take(wide, narrow)  # the server knows the script from now on
    commands = []
    monkeypatch.setattr(
        rate_limit, "ask", lambda *asked: commands.extend(asked) or redis_commands.ask(*asked)
    )

    rate_limit.take(wide, narrow)

    assert [command[0] for command in commands] == ["EVALSHA"]


# --- Without Redis -------------------------------------------------------------------------------


@pytest.mark.usefixtures("_no_redis")
def test_without_redis_no_request_is_refused_and_nothing_is_logged(app, buyer, caplog):
    phone, browser = app(buyer), browser_of(buyer)

    assert {phone.get(BALANCE).status_code for _ in range(5)} == {200}
    assert {browser.get("/tickets/").status_code for _ in range(5)} == {200}
    # The refusals of a test before may be written just now, by a thread.
    logged = [each for each in caplog.records if each.name != "concertbook.http.refusal_counts"]
    assert logged == []


def test_a_redis_that_does_not_answer_is_not_asked_again_at_once(buyer, monkeypatch):
    asked = []
    monkeypatch.setattr(rate_limit, "ask", lambda *commands: asked.append(commands) or away())

    requests_per_user.count_request(buyer.pk)
    requests_per_user.count_request(buyer.pk)
    assert len(asked) == 1

    monkeypatch.setattr(rate_limit, "_backs_off_until", time.monotonic())
    requests_per_user.count_request(buyer.pk)
    assert len(asked) == 2


def away():
    raise rate_limit.RedisError


def test_with_the_database_away_a_page_says_so_and_the_log_has_no_traceback(
    buyer, monkeypatch, caplog
):
    browser = browser_of(buyer)

    def fail(_request):
        raise OperationalError("gone")

    monkeypatch.setattr("django.contrib.auth.middleware.get_user", fail)
    answer = browser.get("/tickets/")

    assert answer.status_code == 503
    assert int(answer["Retry-After"]) > 0
    assert {record.exc_info for record in caplog.records} == {None}


# --- Counted beside the session ------------------------------------------------------------------


@pytest.fixture
def looks(client, monkeypatch):
    """How often a page asks Redis; it was looked at before."""
    asked = []

    def counted(*commands):
        asked.append([command[0] for command in commands])
        return redis_commands.ask(*commands)

    monkeypatch.setattr(rate_limit, "ask", counted)
    monkeypatch.setattr(sessions, "ask", counted)

    def of(user):
        client.force_login(user)
        assert client.get("/tickets/").status_code == 200
        asked.clear()
        assert client.get("/tickets/").status_code == 200
        return asked

    return of


def test_a_request_is_counted_and_its_session_read_in_one_round_trip(looks, buyer):
    assert looks(buyer) == [["EVALSHA", "GET"]]


def test_the_staff_is_not_counted_in_a_session_from_before_either(client, looks, buyer):
    looks(buyer)
    User.objects.filter(pk=buyer.pk).update(is_staff=True)
    client.get("/tickets/")
    get_redis_connection("default").delete(f"rate:requests:{buyer.pk}")

    assert client.get("/tickets/").status_code == 200
    assert get_redis_connection("default").keys("rate:requests:*") == []


def test_a_session_that_has_ended_is_over_though_its_user_is_known(client, looks, buyer):
    looks(buyer)
    end_sessions(user_ids=[buyer.pk])

    assert client.get("/tickets/").status_code == 302


def test_a_connection_that_redis_has_closed_is_replaced(buyer):
    requests_per_user.count_request(buyer.pk)
    get_redis_connection("default").client_kill_filter(_type="normal")

    requests_per_user.count_request(buyer.pk)
    assert get_redis_connection("default").get(f"rate:requests:{buyer.pk}") == b"2"
